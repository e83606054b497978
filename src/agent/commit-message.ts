import { truncate } from '../lib/display-width.ts';
import { printable, printableLine } from '../lib/printable.ts';
import type { AgentRequest } from './turn/request.ts';

const maxSubjectColumns = 72;
const maxBodyLength = 2000;

/** Returns the message of the commit with what the agent left uncommitted. */
export function commitMessage(
  { title, prompt, taskId, turnIndex }: Pick<AgentRequest, 'title' | 'prompt' | 'taskId' | 'turnIndex'>,
  { summary, agent }: { summary: string; agent: string },
): string {
  const subject = printableLine(turnIndex > 1 ? firstLine(prompt) : title || firstLine(prompt));
  const body = printable(summary).trim();
  return [
    truncate(subject || 'Work of an agent', maxSubjectColumns),
    ...(body === '' ? [] : [body.length > maxBodyLength ? `${body.slice(0, maxBodyLength)}…` : body]),
    `Plan42-Task: ${taskId} turn ${turnIndex}\nCo-authored-by: ${coAuthor(agent)}`,
  ].join('\n\n');
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0] ?? '';
}

function coAuthor(agent: string): string {
  const name = agent.replaceAll(/[^\w .-]/g, '') || 'agent';
  return `${name} <${name.toLowerCase().replaceAll(/[^\w.-]+/g, '-')}@plan42.invalid>`;
}

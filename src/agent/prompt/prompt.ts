import { joinWords } from '../../lib/join-words.ts';
import type { AgentRequest } from '../turn/request.ts';
import type { Feedback } from './feedback.ts';

export interface PromptRepository {
  name: string;
  folder: string;
  /** The folder below it that the person works in, and the agent starts in. Empty for the top. */
  subfolder: string;
  targetBranch: string;
  /** Files with instructions for agents, such as `AGENTS.md`. */
  instructions: readonly string[];
  /** Files in which the branch conflicts with its target. */
  conflicts: readonly string[];
  /** Whether an earlier turn has left work on the branch. */
  hasWork: boolean;
}

/** Returns the prompt of a turn: what the person wrote, what they commented, and what the agent has to know. */
export function buildPrompt(
  request: Pick<AgentRequest, 'prompt' | 'taskPrompt' | 'turnIndex' | 'context'> & {
    /** The paths of files that the person attached. */
    attachments?: readonly string[];
  },
  repositories: readonly PromptRepository[],
  feedback: readonly Feedback[],
): string {
  return [
    request.prompt.trim(),
    ...section('Review comments', feedback.length === 0 ? '' : reviewComments(feedback, repositories)),
    ...section('Background', background(request, repositories)),
    ...section('Rules', rules(repositories, feedback)),
  ].join('\n\n');
}

function section(title: string, text: string): string[] {
  return text.trim() === '' ? [] : [`# ${title}`, text.trim()];
}

function background(
  { taskPrompt, prompt, turnIndex, context, attachments = [] }: Parameters<typeof buildPrompt>[0],
  repositories: readonly PromptRepository[],
): string {
  const folders = repositories.map(({ name, folder }) => `- ${name}: ${folder}`).join('\n');
  const parts = [
    context.trim(),
    attachments.length > 0 ? `Attached files:\n${attachments.map((path) => `- ${path}`).join('\n')}` : '',
    repositories.length > 1 ? `The repositories:\n${folders}` : '',
    turnIndex > 1 && taskPrompt.trim() !== '' && taskPrompt !== prompt
      ? `This continues a task. Its first request was:\n\n${quote(taskPrompt.trim())}`
      : '',
    ...repositories.map(describe),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function describe(repository: PromptRepository): string {
  const { name, folder, subfolder, targetBranch, instructions, conflicts, hasWork } = repository;
  const lines = [
    subfolder === ''
      ? ''
      : `The request was made in the folder ${subfolder} of ${name}, where you start. The repository begins at ${folder}.`,
    hasWork
      ? `The branch of ${name} contains the work of earlier turns. See "git log origin/${targetBranch}..HEAD".`
      : '',
    instructions.length > 0 ? `Follow the instructions in ${joinWords(instructions)}.` : '',
    conflicts.length > 0
      ? `The branch of ${name} conflicts with origin/${targetBranch} in ${conflicts.join(', ')}. Merge origin/${targetBranch} and resolve the conflicts.`
      : '',
  ];
  return lines.filter((line) => line !== '').join('\n');
}

function rules(repositories: readonly PromptRepository[], feedback: readonly Feedback[]): string {
  return [
    ...(repositories.length === 0
      ? []
      : [
          '- No questions can be answered while you work. Make sensible assumptions and name them.',
          '- Leave your changes in the working folder. They are committed, pushed and proposed as a pull request for you: do not push, and do not open one.',
        ]),
    '- End with a short summary in Markdown of what you did and why. People read it as your answer.',
    ...(feedback.length === 0
      ? []
      : [
          '- After the summary, write one section for each review comment, with the heading "### Reply 1", "### Reply 2" and so on: what you changed, or why not. It is posted as the reply to the comment.',
        ]),
  ].join('\n');
}

function reviewComments(feedback: readonly Feedback[], repositories: readonly PromptRepository[]): string {
  return feedback
    .map(({ number, repo, path, line, diffHunk, comments }) => {
      const where = path === '' ? 'on the pull request' : `on ${path}${line > 0 ? `, line ${line}` : ''}`;
      const inRepo = repositories.length > 1 ? ` of ${repo}` : '';
      return [
        `## Comment ${number}: ${where}${inRepo}`,
        ...(diffHunk === '' ? [] : [fence(diffHunk)]),
        ...comments.map(
          ({ user, body, isOwn }) => `${isOwn ? 'You' : user || 'A reviewer'} wrote:\n${quote(body.trim())}`,
        ),
      ].join('\n\n');
    })
    .join('\n\n');
}

// Longer than any in the text.
function fence(diff: string): string {
  const longest = Math.max(2, ...[...diff.matchAll(/`+/g)].map(([run]) => run.length));
  const ticks = '`'.repeat(longest + 1);
  return `${ticks}diff\n${diff}\n${ticks}`;
}

function quote(text: string): string {
  return text
    .split('\n')
    .map((line) => `> ${line}`)
    .join('\n');
}

import type { AgentEvent, AgentUsage } from './drivers/driver.ts';

const planMarks: Record<string, string> = { completed: 'x', in_progress: '>' };

/** Returns an event as text for the log. Empty if there is nothing to show. */
export function showEvent(event: AgentEvent): string {
  switch (event.type) {
    case 'message':
    case 'output':
      return event.text.trimEnd();
    case 'thought':
      return indent(event.text.trim(), '  ~ ');
    case 'tool':
      return showTool(event);
    case 'plan':
      return event.entries.map(({ title, status }) => `  [${planMarks[status] ?? ' '}] ${title}`).join('\n');
    case 'usage':
      return '';
  }
}

function showTool({ title, status, detail }: AgentEvent & { type: 'tool' }): string {
  if (status === 'started') return `$ ${title}`;
  const shownDetail = detail?.trim() ? indent(detail.trim(), '  | ') : '';
  if (status === 'failed') return [`$ ${title}: failed`, ...(shownDetail ? [shownDetail] : [])].join('\n');
  return shownDetail;
}

/** Returns what an agent consumed, as one line. Empty if it did not report anything. */
export function showUsage(usage: AgentUsage | undefined): string {
  const { inputTokens, cachedTokens, outputTokens, costUsd } = usage ?? {};
  const parts = [
    inputTokens === undefined ? '' : `${inputTokens} input tokens${cachedTokens ? ` (${cachedTokens} cached)` : ''}`,
    outputTokens === undefined ? '' : `${outputTokens} output tokens`,
    costUsd === undefined ? '' : `${costUsd.toFixed(2)} USD`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function indent(text: string, prefix: string): string {
  return text
    .split('\n')
    .map((line) => prefix + line)
    .join('\n');
}

import type { CommandLine, LineEvent } from '../adapter.ts';
import { type Fields, fieldsOf, listOf, numberOf, textOf, toolTitle } from './fields.ts';

/** The command line of Codex: its own sandbox needs what containers do not allow, and is not needed in one. */
export function codexExec(config: Fields, resume: string | undefined): CommandLine {
  const options = ['--json', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox'];
  const settings = Object.entries(config).flatMap(([name, value]) => ['-c', `${name}=${toml(value)}`]);
  return {
    command: ['codex', 'exec', ...options, ...settings, ...(resume ? ['resume', resume] : []), '-'],
    read: readCodex,
  };
}

function toml(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const pairs = Object.entries(value).map(([name, value]) => `${name} = ${toml(value)}`);
  return `{ ${pairs.join(', ')} }`;
}

/** Reads `codex exec --json`. */
export function readCodex(line: Fields): LineEvent[] {
  switch (line['type']) {
    case 'thread.started':
      return [{ type: 'session', id: textOf(line['thread_id']) }];
    case 'item.started':
    case 'item.updated':
    case 'item.completed':
      return readItem(fieldsOf(line['item']), line['type'] === 'item.completed');
    case 'error':
      return [{ type: 'output', text: textOf(line['message']) }];
    case 'turn.failed':
      return [{ type: 'failure', text: textOf(fieldsOf(line['error'])['message']) }];
    case 'turn.completed': {
      const usage = fieldsOf(line['usage']);
      return [
        {
          type: 'result',
          usage: {
            inputTokens: numberOf(usage['input_tokens']),
            outputTokens: numberOf(usage['output_tokens']),
            cachedTokens: numberOf(usage['cached_input_tokens']),
          },
        },
      ];
    }
    default:
      return [];
  }
}

function readItem(item: Fields, isCompleted: boolean): LineEvent[] {
  const id = textOf(item['id']);
  switch (item['type']) {
    case 'agent_message':
      return isCompleted ? [{ type: 'message', text: textOf(item['text']) }] : [];
    case 'reasoning':
      return isCompleted ? [{ type: 'thought', text: textOf(item['text']) }] : [];
    case 'error':
      return isCompleted ? [{ type: 'output', text: textOf(item['message']) }] : [];
    case 'todo_list':
      return [{ type: 'plan', entries: listOf(item['items']).map(planEntry) }];
    default: {
      const title = itemTitle(item);
      if (!isCompleted) return [{ type: 'tool', id, title, status: 'started' }];
      const status = item['status'] === 'failed' ? 'failed' : 'done';
      return [{ type: 'tool', id, title, status, detail: textOf(item['aggregated_output']) }];
    }
  }
}

function planEntry({ text, completed }: Fields): { title: string; status: string } {
  return { title: textOf(text), status: completed === true ? 'completed' : 'pending' };
}

function itemTitle(item: Fields): string {
  const changed = listOf(item['changes']).map(({ kind, path }) => `${textOf(kind)} ${textOf(path)}`);
  return (
    changed.join(', ') ||
    toolTitle(item['tool'] ?? item['type'], item['command'] ? item : (item['query'] ?? item['arguments']))
  );
}

import type { LineEvent } from '../adapter.ts';
import { type Fields, fieldsOf, listOf, numberOf, textOf, toolTitle } from './fields.ts';

/** Reads `claude --output-format stream-json`, which other agents write too. */
export function readClaude(line: Fields): LineEvent[] {
  switch (line['type']) {
    case 'system':
      return readSystem(line);
    case 'assistant':
    case 'user':
      return listOf(fieldsOf(line['message'])['content']).flatMap(readBlock);
    case 'result':
      return readResult(line);
    default:
      return [];
  }
}

/** It repeats refused requests for minutes, because its keys can expire and be renewed. Ours cannot. */
const maxRefusals = 3;

function readSystem(line: Fields): LineEvent[] {
  if (line['subtype'] === 'init') return [{ type: 'session', id: textOf(line['session_id']) }];
  if (line['subtype'] !== 'api_retry') return [];
  const status = numberOf(line['error_status']);
  const text = `API error ${status || ''} ${textOf(line['error']).replaceAll('_', ' ')}`;
  if ([401, 403].includes(status) && numberOf(line['attempt']) >= maxRefusals) return [{ type: 'failure', text }];
  return [{ type: 'output', text: `${text}, repeating the request` }];
}

function readBlock(block: Fields): LineEvent[] {
  switch (block['type']) {
    case 'text':
      return [{ type: 'message', text: textOf(block['text']) }];
    case 'thinking':
      return [{ type: 'thought', text: textOf(block['thinking']) }];
    case 'tool_use':
      return readToolUse(block);
    case 'tool_result': {
      const status = block['is_error'] === true ? 'failed' : 'done';
      return [{ type: 'tool', id: textOf(block['tool_use_id']), status, detail: contentText(block['content']) }];
    }
    default:
      return [];
  }
}

function readToolUse({ id, name, input }: Fields): LineEvent[] {
  const started: LineEvent = { type: 'tool', id: textOf(id), title: toolTitle(name, input), status: 'started' };
  if (name !== 'TodoWrite') return [started];
  const entries = listOf(fieldsOf(input)['todos']).map(({ content, status }) => ({
    title: textOf(content),
    status: textOf(status),
  }));
  return [started, { type: 'plan', entries }];
}

function contentText(content: unknown): string {
  if (!Array.isArray(content)) return textOf(content);
  return listOf(content)
    .map(({ text }) => textOf(text))
    .join('\n');
}

function readResult(line: Fields): LineEvent[] {
  if (line['is_error'] === true) return [{ type: 'failure', text: textOf(line['result'] ?? line['errors']) }];
  if (line['subtype'] !== 'success') return [{ type: 'failure', text: textOf(line['subtype']).replaceAll('_', ' ') }];
  const usage = fieldsOf(line['usage']);
  const message = textOf(line['result']);
  return [
    {
      type: 'result',
      message,
      usage: {
        inputTokens: numberOf(usage['input_tokens']),
        outputTokens: numberOf(usage['output_tokens']),
        cachedTokens: numberOf(usage['cache_read_input_tokens']),
        costUsd: numberOf(line['total_cost_usd']),
      },
    },
  ];
}

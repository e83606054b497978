import type { LineEvent } from '../adapter.ts';
import { type Fields, fieldsOf, numberOf, textOf, toolTitle } from './fields.ts';

/** Reads `gemini --output-format stream-json`. */
export function readGemini(line: Fields): LineEvent[] {
  const id = textOf(line['tool_id']);
  switch (line['type']) {
    case 'init':
      return [{ type: 'session', id: textOf(line['session_id']) }];
    case 'message':
      return line['role'] === 'assistant' ? [{ type: 'piece', text: textOf(line['content']) }] : [];
    case 'tool_use':
      return [{ type: 'tool', id, title: toolTitle(line['tool_name'], line['parameters']), status: 'started' }];
    case 'tool_result': {
      const status = line['status'] === 'success' ? 'done' : 'failed';
      return [{ type: 'tool', id, status, detail: textOf(line['output'] ?? fieldsOf(line['error'])['message']) }];
    }
    case 'error':
      return [{ type: 'output', text: textOf(line['message']) }];
    case 'result':
      return readResult(line);
    default:
      return [];
  }
}

function readResult(line: Fields): LineEvent[] {
  if (line['status'] !== 'success') return [{ type: 'failure', text: textOf(fieldsOf(line['error'])['message']) }];
  const stats = fieldsOf(line['stats']);
  return [
    {
      type: 'result',
      usage: {
        inputTokens: numberOf(stats['input_tokens']),
        outputTokens: numberOf(stats['output_tokens']),
        cachedTokens: numberOf(stats['cached']),
      },
    },
  ];
}

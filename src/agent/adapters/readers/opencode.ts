import type { LineEvent } from '../adapter.ts';
import { type Fields, fieldsOf, numberOf, textOf, toolTitle } from './fields.ts';

/** Reads `opencode run --format json`. It reports the usage of each step; the last step has the whole conversation. */
export function readOpencode(line: Fields): LineEvent[] {
  const part = fieldsOf(line['part']);
  switch (line['type']) {
    case 'step_start':
      return [{ type: 'session', id: textOf(line['sessionID']) }];
    case 'text':
      return [{ type: 'message', text: textOf(part['text']) }];
    case 'reasoning':
      return [{ type: 'thought', text: textOf(part['text']) }];
    case 'tool_use': {
      const state = fieldsOf(part['state']);
      const title = toolTitle(part['tool'], state['input']);
      const status = state['status'] === 'error' ? 'failed' : 'done';
      return [
        { type: 'tool', id: textOf(part['callID']), title, status, detail: textOf(state['output'] ?? state['error']) },
      ];
    }
    case 'step_finish':
      return readStep(part);
    case 'error': {
      const error = fieldsOf(line['error']);
      return [{ type: 'failure', text: textOf(fieldsOf(error['data'])['message'] ?? error['name']) }];
    }
    default:
      return [];
  }
}

function readStep(part: Fields): LineEvent[] {
  const tokens = fieldsOf(part['tokens']);
  const usage = {
    inputTokens: numberOf(tokens['input']),
    outputTokens: numberOf(tokens['output']),
    cachedTokens: numberOf(fieldsOf(tokens['cache'])['read']),
  };
  return part['reason'] === 'stop' ? [{ type: 'result', usage }] : [{ type: 'usage', usage }];
}

import { claude } from '../../src/agent/adapters/claude.ts';
import { readAider } from '../../src/agent/adapters/readers/aider.ts';
import { readClaude } from '../../src/agent/adapters/readers/claude.ts';
import { codexExec, readCodex } from '../../src/agent/adapters/readers/codex.ts';
import { fieldsOf, listOf, numberOf, textOf, toolTitle } from '../../src/agent/adapters/readers/fields.ts';
import { readGemini } from '../../src/agent/adapters/readers/gemini.ts';
import { readOpencode } from '../../src/agent/adapters/readers/opencode.ts';
import { describeError, isResponse } from '../../src/agent/drivers/acp.ts';
import { readUsage } from '../../src/agent/drivers/acp-usage.ts';
import type { AgentEvent } from '../../src/agent/drivers/driver.ts';
import { explainFailure } from '../../src/agent/drivers/explain-failure.ts';
import { Transcript } from '../../src/agent/drivers/transcript.ts';
import { tryParseJson } from '../../src/lib/json.ts';
import type { Target } from '../target.ts';

const readers = [readClaude, readCodex, readGemini, readOpencode];

const lines = [
  { type: 'assistant', message: { content: [{ type: 'tool_use', id: '1', name: 'Bash', input: { command: 'ls' } }] } },
  { type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: '1', content: [{ text: 'a' }] }] } },
  { type: 'result', subtype: 'success', result: 'Done.', usage: { input_tokens: 1 }, total_cost_usd: 0.1 },
  { type: 'item.completed', item: { id: 'i', type: 'todo_list', items: [{ text: 'a', completed: true }] } },
  { type: 'item.started', item: { id: 'i', type: 'file_change', changes: [{ path: 'a', kind: 'add' }] } },
  { type: 'tool_use', tool_id: '1', tool_name: 'x', parameters: {}, part: { state: { input: { filePath: 'a' } } } },
  { type: 'step_finish', part: { reason: 'stop', tokens: { input: 1, cache: { read: 1 } } } },
];

/** Everything that the output of an agent passes through. */
function readOutput(text: string): { events: AgentEvent[]; answer: string } {
  const events: AgentEvent[] = [];
  const transcript = new Transcript((event) => events.push(event));
  for (const line of text.split('\n')) {
    const fields = fieldsOf(line.startsWith('{') ? tryParseJson(line) : undefined);
    for (const event of readers.flatMap((read) => read(fields))) transcript.add(event);
    transcript.addPiece('message', line, line.slice(0, 1));
    transcript.startTool({ id: line.slice(0, 2), title: line }, { isFinalTitle: line.length % 2 === 0 });
  }
  transcript.finish();
  return { events, answer: transcript.answer };
}

export const targets: readonly Target[] = [
  {
    covers: ['fieldsOf', 'listOf', 'numberOf', 'textOf', 'toolTitle']
      .map((name) => `agent/adapters/readers/fields.ts#${name}`)
      .concat('agent/adapters/readers/codex.ts#codexExec', 'agent/drivers/acp-usage.ts#readUsage')
      .concat('agent/adapters/readers/aider.ts#readAider')
      .concat(['addPiece', 'startTool'].map((name) => `agent/drivers/transcript.ts#Transcript.${name}`)),
    corpus: [
      ...lines.map((line) => JSON.stringify(line)),
      '{"stopReason":"end_turn","usage":{"inputTokens":1}}',
      'Repo-map: x\na\n```\n<<<<<<< SEARCH\n>>>>>>> REPLACE\n```\nTokens: 1.2k sent, 3 received.\nlitellm.E',
    ],
    run: (text: string) => {
      const value = tryParseJson(text);
      readUsage(value);
      readAider(text);
      codexExec({ model: text, nested: fieldsOf(value) }, text);
      const described = [toolTitle(text, value), textOf(value), listOf(value), numberOf(value)];
      return [readOutput(text), described];
    },
    // Each line alone, by every reader.
    passes: 3,
    check: ([{ events }]: [{ events: AgentEvent[] }]) => {
      for (const event of events) {
        if ('title' in event && event.title.length > 5000) throw new Error('a title is too long');
      }
    },
  },
  {
    covers: ['agent/drivers/acp.ts#describeError', 'agent/drivers/acp.ts#isResponse'],
    corpus: ['API Error: 401 {"error":{"message":"invalid x-api-key"}}', 'getaddrinfo ENOTFOUND api.example.com'],
    run: (text: string) => {
      const error = new Error(text);
      isResponse(error);
      return explainFailure(claude, {}, { texts: [describeError(error)], exit: { code: 1, signal: null } }).message;
    },
    check: (sentence: string) => {
      if (sentence.includes('\n') || sentence.length > 1000) throw new Error('not a sentence');
    },
  },
];

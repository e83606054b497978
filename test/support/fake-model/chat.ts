import { sendJson } from '../http-server.ts';
import { type ModelApi, pieces, sendEvents } from './model-api.ts';

interface Body {
  model: string;
  tools?: { function: { name: string; parameters?: object } }[];
  messages: { role: string }[];
}

/** The Chat Completions API of OpenAI, which many other providers speak too. */
export const chat: ModelApi = {
  matches: (path) => path.endsWith('/chat/completions'),

  read(_path, body) {
    const { model, tools = [], messages } = body as unknown as Body;
    return {
      model,
      tools: tools.map(({ function: { name, parameters = {} } }) => ({ name, schema: parameters })),
      results: messages.filter(({ role }) => role === 'tool').length,
    };
  },

  send(response, move, { model, body }) {
    const chunk = (delta: object, finish_reason: string | null = null, more = {}) => ({
      data: {
        id: 'chatcmpl-1',
        object: 'chat.completion.chunk',
        created: 0,
        model,
        choices: [{ index: 0, delta, finish_reason }],
        ...more,
      },
    });
    const call = (fields: object) => ({ tool_calls: [{ index: 0, ...fields }] });
    const deltas =
      'tool' in move
        ? [
            call({ id: `call_${crypto.randomUUID()}`, type: 'function', function: { name: move.tool, arguments: '' } }),
            ...pieces(JSON.stringify(move.args)).map((text) => call({ function: { arguments: text } })),
          ]
        : pieces(move.text).map((content) => ({ content }));
    const usage = {
      prompt_tokens: 120,
      prompt_tokens_details: { cached_tokens: 40 },
      completion_tokens: 7,
      total_tokens: 127,
    };
    const { stream } = JSON.parse(body) as { stream?: boolean };
    if (stream !== true && 'text' in move) {
      const choice = { index: 0, message: { role: 'assistant', content: move.text }, finish_reason: 'stop' };
      const whole = { id: 'chatcmpl-1', object: 'chat.completion', created: 0, model, choices: [choice], usage };
      sendJson(response, 200, whole);
      return;
    }
    sendEvents(response, [
      chunk({ role: 'assistant', content: '' }),
      ...deltas.map((delta) => chunk(delta)),
      chunk({}, 'tool' in move ? 'tool_calls' : 'stop', { usage }),
      { data: '[DONE]' },
    ]);
  },
};

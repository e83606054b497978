import { type ModelApi, pieces, sendEvents } from './model-api.ts';

interface Body {
  model: string;
  tools?: { name: string; input_schema: object }[];
  messages: { role: string; content: string | { type: string }[] }[];
}

/** The Messages API of Anthropic. */
export const anthropic: ModelApi = {
  matches: (path) => path.endsWith('/v1/messages'),

  read(_path, body) {
    const { model, tools = [], messages } = body as unknown as Body;
    const blocks = messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
    return {
      model,
      tools: tools.map(({ name, input_schema }) => ({ name, schema: input_schema ?? {} })),
      results: blocks.filter(({ type }) => type === 'tool_result').length,
    };
  },

  send(response, move, { model }) {
    const isTool = 'tool' in move;
    const usage = { input_tokens: 120, output_tokens: 7, cache_read_input_tokens: 40, cache_creation_input_tokens: 0 };
    const start = isTool
      ? { type: 'tool_use', id: `toolu_${crypto.randomUUID()}`, name: move.tool, input: {} }
      : { type: 'text', text: '' };
    const deltas = isTool
      ? pieces(JSON.stringify(move.args)).map((partial_json) => ({ type: 'input_json_delta', partial_json }))
      : pieces(move.text).map((text) => ({ type: 'text_delta', text }));
    const message = { id: `msg_${crypto.randomUUID()}`, type: 'message', role: 'assistant', model, content: [], usage };
    const events = [
      { type: 'message_start', message: { ...message, stop_reason: null, stop_sequence: null } },
      { type: 'content_block_start', index: 0, content_block: start },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index: 0, delta })),
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: isTool ? 'tool_use' : 'end_turn', stop_sequence: null }, usage },
      { type: 'message_stop' },
    ];
    sendEvents(
      response,
      events.map((data) => ({ event: data.type, data })),
    );
  },
};

import { type ModelApi, pieces, sendEvents } from './model-api.ts';

interface Body {
  model: string;
  tools?: { type: string; name?: string; parameters?: object }[];
  input: { type: string; role?: string }[];
}

/** The Responses API of OpenAI. */
export const responses: ModelApi = {
  matches: (path) => path.endsWith('/responses'),

  read(_path, body) {
    const { model, tools = [], input } = body as unknown as Body;
    return {
      model,
      tools: tools.map(({ type, name = type, parameters = {} }) => ({ name, schema: parameters })),
      results: input.filter(({ type }) => type === 'function_call_output').length,
    };
  },

  send(response, move, { model }) {
    const id = `resp_${crypto.randomUUID()}`;
    const item =
      'tool' in move
        ? {
            type: 'function_call',
            id: `fc_${crypto.randomUUID()}`,
            call_id: `call_${crypto.randomUUID()}`,
            name: move.tool,
            arguments: JSON.stringify(move.args),
            status: 'completed',
          }
        : {
            type: 'message',
            id: `msg_${crypto.randomUUID()}`,
            role: 'assistant',
            status: 'completed',
            content: [{ type: 'output_text', text: move.text, annotations: [] }],
          };
    const usage = {
      input_tokens: 120,
      input_tokens_details: { cached_tokens: 40 },
      output_tokens: 7,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 127,
    };
    const whole = { id, object: 'response', created_at: 0, model, output: [], usage: null };
    const opened = { ...item, status: 'in_progress', ...('tool' in move ? { arguments: '' } : { content: [] }) };
    const events = [
      { type: 'response.created', response: { ...whole, status: 'in_progress' } },
      { type: 'response.output_item.added', output_index: 0, item: opened },
      ...pieces('text' in move ? move.text : JSON.stringify(move.args)).map((delta) => ({
        type: 'text' in move ? 'response.output_text.delta' : 'response.function_call_arguments.delta',
        item_id: item.id,
        output_index: 0,
        content_index: 0,
        delta,
      })),
      { type: 'response.output_item.done', output_index: 0, item },
      { type: 'response.completed', response: { ...whole, status: 'completed', output: [item], usage } },
    ];
    sendEvents(
      response,
      events.map((data) => ({ event: data.type, data })),
    );
  },
};

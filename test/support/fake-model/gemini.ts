import { sendJson } from '../http-server.ts';
import { type ModelApi, pieces, sendEvents } from './model-api.ts';

interface Body {
  tools?: { functionDeclarations?: { name: string; parametersJsonSchema?: object; parameters?: object }[] }[];
  contents: { role?: string; parts: object[] }[];
}

/** The Gemini API of Google. */
export const gemini: ModelApi = {
  matches: (path) => /:(streamGenerateContent|generateContent|countTokens)$/.test(path),

  read(path, body) {
    const { tools = [], contents } = body as unknown as Body;
    const declared = tools.flatMap(({ functionDeclarations = [] }) => functionDeclarations);
    return {
      model: /models\/([^:]+):/.exec(path)?.[1] ?? '',
      tools: declared.map(({ name, parametersJsonSchema, parameters }) => ({
        name,
        schema: parametersJsonSchema ?? parameters ?? {},
      })),
      results: contents.flatMap(({ parts }) => parts).filter((part) => 'functionResponse' in part).length,
    };
  },

  send(response, move, { model }) {
    const parts =
      'tool' in move
        ? [{ functionCall: { name: move.tool, args: move.args } }]
        : pieces(move.text).map((text) => ({ text }));
    const usageMetadata = {
      promptTokenCount: 120,
      cachedContentTokenCount: 40,
      candidatesTokenCount: 7,
      totalTokenCount: 127,
    };
    const chunk = (part: object, isLast: boolean) => ({
      candidates: [
        { index: 0, content: { role: 'model', parts: [part] }, ...(isLast ? { finishReason: 'STOP' } : {}) },
      ],
      modelVersion: model,
      ...(isLast ? { usageMetadata } : {}),
    });
    const isStream = response.req.url?.includes(':stream') === true;
    if (isStream) {
      sendEvents(
        response,
        parts.map((part, n) => ({ data: chunk(part, n === parts.length - 1) })),
      );
      return;
    }
    const isCount = response.req.url?.includes(':countTokens') === true;
    sendJson(
      response,
      200,
      isCount ? { totalTokens: 120 } : chunk('text' in move ? { text: move.text } : (parts[0] ?? {}), true),
    );
  },
};

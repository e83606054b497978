import * as v from 'valibot';
import type { AgentUsage } from './driver.ts';

const count = v.optional(v.nullable(v.number()));
const tokens = v.object({
  inputTokens: count,
  outputTokens: count,
  cachedReadTokens: count,
  cachedInputTokens: count,
  input_tokens: count,
  output_tokens: count,
});
// The protocol has no stable field for it: newer agents report `usage`, and Gemini reports `_meta.quota`.
const result = v.object({
  stopReason: v.string(),
  usage: v.optional(v.nullable(tokens)),
  _meta: v.optional(v.nullable(v.object({ quota: v.optional(v.object({ token_count: v.optional(tokens) })) }))),
});

/** The tokens that the result of a prompt reports; undefined if there are none. */
export function readUsage(message: unknown): AgentUsage | undefined {
  const parsed = v.safeParse(result, message);
  if (!parsed.success) return undefined;
  const used = parsed.output.usage ?? parsed.output._meta?.quota?.token_count;
  if (used === undefined) return undefined;
  const inputTokens = used.inputTokens ?? used.input_tokens;
  const outputTokens = used.outputTokens ?? used.output_tokens;
  const cachedTokens = used.cachedReadTokens ?? used.cachedInputTokens;
  return {
    ...(typeof inputTokens === 'number' ? { inputTokens } : {}),
    ...(typeof outputTokens === 'number' ? { outputTokens } : {}),
    ...(typeof cachedTokens === 'number' ? { cachedTokens } : {}),
  };
}

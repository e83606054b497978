/** The body of a request to a model: what it says, and how it is passed on. */
import * as v from 'valibot';
import { JsonError } from '../../lib/json.ts';
import { parseLossless } from '../../lib/lossless-json.ts';
import { valuesOf } from '../headers.ts';
import type { InterceptedRequest } from '../intercept/hooks.ts';
import type { CallKind } from './call-kind.ts';

export interface RequestBody {
  /** The body as it is passed on. */
  content: AsyncIterable<Uint8Array>;
  /** The length of the content, if it was changed. */
  length?: number;
  /** Of what was read. */
  bytes: number;
  /** Empty if the body does not name it, or is not understood. */
  model: string;
  /** Whether all of it was read. */
  isWhole: boolean;
  /** The model works on after the response. */
  isBackground: boolean;
  /** Whether it was changed so that the response has the usage. */
  asksForUsage: boolean;
}

// Requests with images have megabytes.
const maxBytes = 64 << 20;

const Fields = v.object({
  model: v.fallback(v.optional(v.string()), undefined),
  stream: v.fallback(v.optional(v.boolean()), undefined),
  background: v.fallback(v.optional(v.boolean()), undefined),
  stream_options: v.fallback(v.optional(v.record(v.string(), v.unknown())), undefined),
});

/** @param options `mayAsk`: whether the host knows the option which asks for usage */
export async function readRequestBody(
  { body, rawHeaders }: Pick<InterceptedRequest, 'body' | 'rawHeaders'>,
  { kind, mayAsk }: { kind: CallKind; mayAsk: boolean },
): Promise<RequestBody> {
  const source = body[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let isWhole = false;
  while (!isWhole && bytes <= maxBytes) {
    const next = await source.next();
    if (next.done === true) {
      isWhole = true;
    } else {
      chunks.push(next.value);
      bytes += next.value.length;
    }
  }
  const rest = isWhole ? undefined : source;
  const isCoded = valuesOf(rawHeaders, 'content-encoding').some((coding) => coding.toLowerCase() !== 'identity');
  const read = isWhole && !isCoded ? parseRequest(Buffer.concat(chunks).toString('utf8')) : undefined;
  const { model = '', stream = false, background = false, stream_options: options } = read?.fields ?? {};
  const plain = { bytes, model, isWhole, isBackground: background };
  const asksForUsage = mayAsk && kind === 'openai-chat' && stream && options?.['include_usage'] === undefined;
  if (!asksForUsage || read === undefined) return { ...plain, content: joined(chunks, rest), asksForUsage: false };
  const changed = { ...read.value, stream_options: { ...options, include_usage: true } };
  const content = Buffer.from(JSON.stringify(changed));
  return { ...plain, content: joined([content], undefined), length: content.length, asksForUsage };
}

interface Parsed {
  value: Record<string, unknown>;
  fields: v.InferOutput<typeof Fields>;
}

/** Undefined if it is not an object. */
export function parseRequest(text: string): Parsed | undefined {
  try {
    const value = parseLossless(text);
    const parsed = v.safeParse(Fields, value);
    const isObject = parsed.success && typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? { value: value as Record<string, unknown>, fields: parsed.output } : undefined;
  } catch (error) {
    if (error instanceof JsonError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function* joined(
  chunks: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array> | undefined,
): AsyncGenerator<Uint8Array> {
  yield* chunks.filter(({ length }) => length > 0);
  if (rest === undefined) return;
  for (;;) {
    const next = await rest.next();
    if (next.done === true) return;
    yield next.value;
  }
}

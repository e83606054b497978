/**
 * Reads the usage of a call from the objects of its response: one object, or the events of a stream. Each API reports it in
 * another shape, and some at the end of a stream only. Whatever they lack is estimated from the text.
 */
import * as v from 'valibot';
import type { CallKind } from './call-kind.ts';
import type { Usage } from './usage.ts';

export interface UsageReader {
  /** Takes the next object of the response. Never throws: the response is text from outside. */
  take(value: unknown): void;
  /** Returns the usage so far. */
  finish(response: { isComplete: boolean; bytes: number }): Usage;
}

export interface CallFacts {
  kind: CallKind;
  /** As the request names it. */
  model: string;
  requestBytes: number;
}

const count = v.fallback(v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e12))), undefined);
const text = v.fallback(v.optional(v.string()), undefined);
const part = <T extends v.ObjectEntries>(entries: T) => v.fallback(v.optional(v.object(entries)), undefined);
const list = <T extends v.ObjectEntries>(entries: T) => v.fallback(v.optional(v.array(v.object(entries))), undefined);

/** Counters of one report; undefined if the report does not have them. */
interface Report {
  input?: number | undefined;
  cached?: number | undefined;
  cacheWrite?: number | undefined;
  output?: number | undefined;
  reasoning?: number | undefined;
}

const counters = ['input', 'cached', 'cacheWrite', 'output', 'reasoning'] as const;

interface Found {
  model?: string | undefined;
  id?: string | undefined;
  report?: Report | undefined;
  /** The length of the text that the model wrote. */
  textLength: number;
  /** Whether this was the last report of a stream. */
  isFinal: boolean;
}

const AnthropicUsage = part({
  input_tokens: count,
  cache_read_input_tokens: count,
  cache_creation_input_tokens: count,
  output_tokens: count,
});
const Anthropic = v.object({
  type: text,
  id: text,
  model: text,
  usage: AnthropicUsage,
  message: part({ id: text, model: text, usage: AnthropicUsage }),
  delta: part({ text, partial_json: text, thinking: text }),
});

function readAnthropic(value: unknown): Found | undefined {
  const parsed = v.safeParse(Anthropic, value);
  if (!parsed.success) return undefined;
  const { type, id, model, usage, message, delta } = parsed.output;
  const found = usage ?? message?.usage;
  return {
    model: model ?? message?.model,
    id: id ?? message?.id,
    report: found && {
      input: found.input_tokens,
      cached: found.cache_read_input_tokens,
      cacheWrite: found.cache_creation_input_tokens,
      output: found.output_tokens,
    },
    textLength: lengthOf(delta?.text, delta?.partial_json, delta?.thinking),
    // The first event of a stream has the output so far, which is nearly none.
    isFinal: usage !== undefined && (type === 'message' || type === 'message_delta'),
  };
}

const Chat = v.object({
  id: text,
  model: text,
  usage: part({
    prompt_tokens: count,
    completion_tokens: count,
    prompt_tokens_details: part({ cached_tokens: count }),
    completion_tokens_details: part({ reasoning_tokens: count }),
  }),
  choices: list({
    delta: part({
      content: text,
      reasoning_content: text,
      tool_calls: list({ function: part({ arguments: text }) }),
    }),
    message: part({ content: text }),
    text,
  }),
});

function readChat(value: unknown): Found | undefined {
  const parsed = v.safeParse(Chat, value);
  if (!parsed.success) return undefined;
  const { id, model, usage, choices = [] } = parsed.output;
  const texts = choices.flatMap(({ delta, message, text }) =>
    [delta?.content, delta?.reasoning_content, message?.content, text].concat(
      (delta?.tool_calls ?? []).map((call) => call.function?.arguments),
    ),
  );
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  return {
    model,
    id,
    report: usage && {
      input: less(usage.prompt_tokens, cached),
      cached,
      output: usage.completion_tokens ?? 0,
      reasoning: usage.completion_tokens_details?.reasoning_tokens,
    },
    textLength: lengthOf(...texts),
    isFinal: usage !== undefined,
  };
}

const ResponsesUsage = part({
  input_tokens: count,
  output_tokens: count,
  input_tokens_details: part({ cached_tokens: count }),
  output_tokens_details: part({ reasoning_tokens: count }),
});
const Responses = v.object({
  id: text,
  model: text,
  usage: ResponsesUsage,
  response: part({ id: text, model: text, usage: ResponsesUsage }),
  delta: text,
});

function readResponses(value: unknown): Found | undefined {
  const parsed = v.safeParse(Responses, value);
  if (!parsed.success) return undefined;
  const { id, model, usage, response, delta } = parsed.output;
  const found = usage ?? response?.usage;
  const cached = found?.input_tokens_details?.cached_tokens ?? 0;
  return {
    model: model ?? response?.model,
    id: response?.id ?? id,
    report: found && {
      input: less(found.input_tokens, cached),
      cached,
      output: found.output_tokens,
      reasoning: found.output_tokens_details?.reasoning_tokens,
    },
    textLength: lengthOf(delta),
    isFinal: found !== undefined,
  };
}

const Gemini = v.object({
  responseId: text,
  modelVersion: text,
  usageMetadata: part({
    promptTokenCount: count,
    toolUsePromptTokenCount: count,
    cachedContentTokenCount: count,
    candidatesTokenCount: count,
    thoughtsTokenCount: count,
  }),
  candidates: list({ content: part({ parts: list({ text }) }), finishReason: text }),
});

function readGemini(value: unknown): Found | undefined {
  const parsed = v.safeParse(Gemini, value);
  if (!parsed.success) return undefined;
  const { responseId, modelVersion, usageMetadata: usage, candidates = [] } = parsed.output;
  const cached = usage?.cachedContentTokenCount ?? 0;
  return {
    model: modelVersion,
    id: responseId,
    report: usage && {
      input: less(usage.promptTokenCount, cached) + (usage.toolUsePromptTokenCount ?? 0),
      cached,
      output: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
      reasoning: usage.thoughtsTokenCount,
    },
    textLength: lengthOf(...candidates.flatMap(({ content }) => content?.parts?.map((each) => each.text) ?? [])),
    // Each chunk has the usage so far.
    isFinal: usage !== undefined && candidates.some(({ finishReason }) => finishReason !== undefined),
  };
}

const readers: Readonly<Record<CallKind, (value: unknown) => Found | undefined>> = {
  'anthropic-messages': readAnthropic,
  'openai-chat': readChat,
  'openai-embeddings': readChat,
  'openai-responses': readResponses,
  gemini: readGemini,
};

// Rather too many than too few: English text has about four characters a token.
const charactersPerToken = 3;
const maxNameLength = 200;

export function createUsageReader({ kind, model, requestBytes }: CallFacts): UsageReader {
  const found: Report = {};
  let name = '';
  let responseId = '';
  let textLength = 0;
  let hasFinal = false;
  let hasAny = false;
  return {
    take: (value) => {
      // Streams of Gemini without `alt=sse` are a list.
      for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
        const next = readers[kind](each);
        if (next === undefined) continue;
        hasAny = true;
        // Reports are of all until now, and later ones may lack what earlier ones had.
        for (const name of counters) found[name] = next.report?.[name] ?? found[name];
        name = (next.model || name).slice(0, maxNameLength);
        responseId = (responseId || next.id || '').slice(0, maxNameLength);
        textLength += next.textLength;
        hasFinal ||= next.isFinal;
      }
    },
    finish: ({ isComplete, bytes }) => {
      const isReported = hasFinal && (isComplete || found.output !== undefined);
      // A body that was cut, or is none of JSON, is text that the model wrote for all that is known.
      const estimated = Math.ceil((hasAny ? textLength : bytes) / charactersPerToken);
      return {
        model: name || model.slice(0, maxNameLength),
        inputTokens: found.input ?? Math.ceil(requestBytes / charactersPerToken),
        cachedInputTokens: found.cached ?? 0,
        cacheWriteTokens: found.cacheWrite ?? 0,
        outputTokens: isReported ? (found.output ?? 0) : Math.max(found.output ?? 0, estimated),
        reasoningTokens: found.reasoning ?? 0,
        isEstimate: !isReported || found.input === undefined,
        ...(responseId !== '' && { responseId }),
      };
    },
  };
}

function less(amount: number | undefined, part: number): number {
  return Math.max(0, (amount ?? 0) - part);
}

function lengthOf(...texts: readonly (string | undefined)[]): number {
  return texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
}

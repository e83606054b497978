/** Counts the tokens of calls of models, and refuses calls once a limit is reached. */
import * as v from 'valibot';
import { tryParseJson } from '../../lib/json.ts';
import type { Guard, InterceptedRequest, Respond, ResponseHead, ResponseTap, Verdict } from '../intercept/hooks.ts';
import { type CallKind, callKind, modelInPath } from './call-kind.ts';
import type { Ledger } from './ledger.ts';
import { createUsageReader } from './read-usage.ts';
import { createResponseObjects } from './response-objects.ts';
import { findPrice, type Price } from './usage.ts';

export interface ModelLimits {
  maxTokens?: number | undefined;
  maxCost?: number | undefined;
  prices: Readonly<Record<string, Price>>;
}

interface ModelGuardOptions {
  limits: ModelLimits;
  ledger: Ledger;
  writeLine: (line: string) => void;
}

// Requests with images have megabytes.
const maxRequestBytes = 64 << 20;
const Body = v.object({ model: v.fallback(v.optional(v.string()), undefined) });

export function createModelGuard({ limits, ledger, writeLine }: ModelGuardOptions): Guard {
  const isLimited = limits.maxTokens !== undefined || limits.maxCost !== undefined;

  async function review(request: InterceptedRequest): Promise<Verdict> {
    const kind = callKind(request.method, request.path);
    if (kind === undefined) return { kind: 'pass' };
    if (kind === 'unknown')
      return isLimited ? refuse(request, 'this call of a model cannot be counted', remedies.other) : { kind: 'pass' };
    const reached = reachedLimit();
    if (reached !== undefined) return refuse(request, reached, remedies.raise);
    const body = await readAll(request.body);
    if (body === undefined)
      return refuse(request, `the request has more than ${maxRequestBytes >> 20} MiB`, remedies.smaller);
    const model = modelOf(body) || modelInPath(request.path);
    if (limits.maxCost !== undefined && findPrice(limits.prices, model) === undefined) {
      const what = model === '' ? 'its request does not name a model' : `the model ${shown(model)} has no price`;
      return refuse(request, what, 'Set limits.prices for it, or use a model that has a price.');
    }
    return {
      kind: 'pass',
      body: only(body),
      // So that the response can be read as it passes.
      headers: ['Accept-Encoding', 'identity'],
      onResponse: (head) => count(head, { kind, model, requestBytes: body.length }),
    };
  }

  function reachedLimit(): string | undefined {
    const { tokens, cost } = ledger.totals;
    const { maxTokens = Infinity, maxCost = Infinity } = limits;
    if (tokens >= maxTokens) return `the job has used ${tokens} tokens, and limits.max_tokens is ${maxTokens}`;
    if (cost >= maxCost) return `the job has cost ${cost.toFixed(4)}, and limits.max_cost is ${maxCost}`;
    return undefined;
  }

  function count(head: ResponseHead, facts: { kind: CallKind; model: string; requestBytes: number }) {
    // Errors use no tokens.
    if (head.status < 200 || head.status >= 300) return undefined;
    const reader = createUsageReader(facts);
    const isStream = contentType(head).startsWith('text/event-stream');
    const objects = createResponseObjects(isStream, (value) => reader.take(value));
    let bytes = 0;
    return {
      changes: false,
      write: (chunk) => {
        bytes += chunk.length;
        objects.write(chunk);
        return undefined;
      },
      end: async (isComplete) => {
        objects.end();
        await ledger.add(reader.finish({ isComplete, bytes })).catch((error: unknown) => {
          writeLine(`plan42: models: cannot save the tokens of a call: ${String(error)}`);
        });
        return undefined;
      },
    } satisfies ResponseTap;
  }

  return { review };
}

const remedies = {
  raise: 'Raise the limit in the configuration of the runner, or split the task.',
  other: 'Use the API for messages, chat completions, responses or generateContent.',
  smaller: 'Send a smaller request.',
};

/** In the shape that clients of the API show to their users. Status 403, because others are tried again. */
function refuse({ path }: InterceptedRequest, what: string, remedy: string): Respond {
  const message = `plan42: ${what}. ${remedy}`;
  const isAnthropic = callKind('POST', path) === 'anthropic-messages';
  const error = isAnthropic
    ? { type: 'error', error: { type: 'permission_error', message } }
    : { error: { message, type: 'insufficient_quota', code: 403, status: 'PERMISSION_DENIED' } };
  return {
    kind: 'respond',
    status: 403,
    headers: ['Content-Type', 'application/json'],
    body: `${JSON.stringify(error)}\n`,
    refused: { what, remedy },
    drains: true,
  };
}

/** Undefined if it is too long. */
async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxRequestBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function* only(body: Buffer): AsyncGenerator<Uint8Array> {
  if (body.length > 0) yield body;
}

function modelOf(body: Buffer): string {
  const parsed = v.safeParse(Body, tryParseJson(body.toString('utf8')));
  return (parsed.success ? parsed.output.model : undefined) ?? '';
}

function contentType({ rawHeaders }: ResponseHead): string {
  const index = rawHeaders.findIndex((name, n) => n % 2 === 0 && name.toLowerCase() === 'content-type');
  return index < 0 ? '' : (rawHeaders[index + 1] ?? '').toLowerCase();
}

const shown = (model: string) => JSON.stringify(model.slice(0, 100));

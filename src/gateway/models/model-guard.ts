/** Counts the tokens of calls of models, and refuses calls once a limit is reached. */
import { systemClock } from '../../lib/clock.ts';
import { formatCost } from '../../lib/format-cost.ts';
import { valuesOf } from '../headers.ts';
import type {
  Guard,
  InterceptedRequest,
  Pass,
  Refused,
  Respond,
  ResponseHead,
  ResponseTap,
  Verdict,
} from '../intercept/hooks.ts';
import type { ModelPolicy } from '../policy.ts';
import { methodOverrides, parseRequestPath, unclearPath } from '../request-path.ts';
import { type CallKind, callKind, modelInPath, providerOf, withoutBody } from './call-kind.ts';
import type { Ledger } from './ledger.ts';
import { createUsageReader } from './read-usage.ts';
import { readRequestBody } from './request-body.ts';
import { createResponseObjects } from './response-objects.ts';
import { costOf, findPrice, roundCost, tokensOf, type Usage } from './usage.ts';
import { withoutUsage } from './usage-chunk.ts';

interface ModelGuardOptions {
  policy: Omit<ModelPolicy, 'hosts'>;
  ledger: Ledger;
  writeLine: (line: string) => void;
}

interface Call {
  kind: CallKind;
  host: string;
  model: string;
  requestBytes: number;
  startedAt: Date;
  /** The request was changed, so that its stream ends with an object that the client did not ask for. */
  asksForUsage: boolean;
}

export function createModelGuard({ policy, ledger, writeLine }: ModelGuardOptions): Guard {
  const { maxTokens, maxCost, prices } = policy;
  const isLimited = maxTokens !== undefined || maxCost !== undefined;
  /** Hosts that do not know the option which asks for usage. */
  const withoutOption = new Set<string>();

  async function review(request: InterceptedRequest): Promise<Verdict> {
    const { host, path } = request;
    const kind = callKind(request.method, path, host);
    const unclear = isLimited ? whyUnclear(request) : undefined;
    if (unclear !== undefined) return refuse(request, unclear.what, unclear.remedy);
    if (kind === undefined) return { kind: 'pass' };
    if (kind === 'unknown')
      return isLimited ? refuse(request, 'this call of a model cannot be counted', remedies.other) : { kind: 'pass' };
    const reached = reachedLimit();
    if (reached !== undefined) return refuse(request, reached, remedies.raise);
    // Without a limit, an estimate is better than a request that a host may not know.
    const mayAsk = (isLimited || host === 'api.openai.com') && !withoutOption.has(host);
    const body = await readRequestBody(request, { kind, mayAsk });
    const model = body.model || modelInPath(path);
    const problem = isLimited ? problemOf(body, model) : undefined;
    if (problem !== undefined) return refuse(request, problem[0], problem[1]);
    const call = { kind, host, model, requestBytes: body.bytes, startedAt: systemClock.date() };
    return {
      kind: 'pass',
      body: body.content,
      ...(body.length !== undefined && { bodyLength: body.length }),
      // So that the response can be read as it passes.
      headers: ['Accept-Encoding', 'identity'],
      onResponse: (head) => count(head, { ...call, asksForUsage: body.asksForUsage }),
    } satisfies Pass;
  }

  function reachedLimit(): string | undefined {
    const tokens = tokensOf(ledger.totals);
    const { cost = 0 } = ledger.totals;
    if (tokens >= (maxTokens ?? Infinity))
      return `the models of the job have used ${tokens} tokens, and limits.max_tokens is ${maxTokens}`;
    if (roundCost(cost) >= (maxCost ?? Infinity))
      return `the models of the job have cost ${formatCost(cost)}, and limits.max_cost is ${maxCost}`;
    return undefined;
  }

  function problemOf(
    { isWhole, isBackground }: Awaited<ReturnType<typeof readRequestBody>>,
    model: string,
  ): [what: string, remedy: string] | undefined {
    if (!isWhole) return ['the request is too long to be counted', 'Send a smaller request.'];
    if (isBackground) return ['a call in the background cannot be counted', 'Send it without "background".'];
    if (maxCost === undefined || findPrice(prices, model) !== undefined) return undefined;
    const what = model === '' ? 'its request does not name a model' : `the model ${shown(model)} has no price`;
    const table = `[limits.prices.${model === '' ? '"MODEL"' : shown(model)}]`;
    return [what, `Set its price in ${table} of the runner, or use a model that has one.`];
  }

  function count(head: ResponseHead, call: Call): ResponseTap | undefined {
    // Errors use no tokens.
    if (head.status < 200 || head.status >= 300) {
      if (call.asksForUsage && (head.status === 400 || head.status === 422)) withoutOption.add(call.host);
      return undefined;
    }
    const reader = createUsageReader(call);
    const isStream = (valuesOf(head.rawHeaders, 'content-type')[0] ?? '').toLowerCase().startsWith('text/event-stream');
    const objects = createResponseObjects(isStream, (value) => reader.take(value));
    const filter = call.asksForUsage && isStream ? withoutUsage() : undefined;
    let bytes = 0;
    return {
      changes: filter !== undefined,
      write: (chunk) => {
        bytes += chunk.length;
        objects.write(chunk);
        return filter?.write(chunk);
      },
      end: async (isComplete) => {
        objects.end();
        await save(reader.finish({ isComplete, bytes }), call);
        return filter?.end();
      },
    };
  }

  async function save(usage: Usage, { host, model, startedAt }: Call): Promise<void> {
    // The response may have another name for the model.
    const price = findPrice(prices, usage.model) ?? findPrice(prices, model);
    const entry = {
      ...usage,
      provider: providerOf(host),
      startedAt: startedAt.toISOString(),
      completedAt: systemClock.date().toISOString(),
      ...(price !== undefined && { cost: costOf(usage, price) }),
    };
    await ledger.add(entry).catch((error: unknown) => {
      writeLine(`plan42: models: cannot save the tokens of a call: ${String(error)}`);
    });
  }

  // Nothing that passes in a WebSocket is counted.
  return { review, passesWebSockets: !isLimited };
}

/** Why a server may take the request for another call than it is taken for here. */
function whyUnclear({ method, path, rawHeaders }: InterceptedRequest): Refused | undefined {
  const read = parseRequestPath(path);
  if (read === undefined) return unclearPath;
  const has = (name: string) => valuesOf(rawHeaders, name).some((value) => value !== '0');
  if (methodOverrides.some(has) || read.query.has('_method'))
    return { what: 'a method in place of that of the request', remedy: 'Use the method itself.' };
  const hasBody = has('content-length') || has('transfer-encoding');
  if (withoutBody.has(method) && hasBody)
    return { what: `a ${method} with a body cannot be counted`, remedy: 'Send it without a body.' };
  return undefined;
}

const remedies = {
  raise: 'Raise the limit in the configuration of the runner, or split the task.',
  other: 'Use the API for messages, chat completions, responses or generateContent.',
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

const shown = (model: string) => JSON.stringify(model.slice(0, 100));

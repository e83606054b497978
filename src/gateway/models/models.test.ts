import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { startBrokeredGateway, startSecureHost } from '../../../test/support/broker.ts';
import { seededRandom } from '../../../test/support/random.ts';
import { readTextIfExists } from '../../lib/read-file.ts';
import type { ModelPolicy } from '../policy.ts';
import { type CallKind, callKind, modelInPath } from './call-kind.ts';
import { type LedgerEntry, openLedger, parseUsage, usageFile } from './ledger.ts';
import { createModelGuard } from './model-guard.ts';
import { createUsageReader } from './read-usage.ts';
import { createResponseObjects } from './response-objects.ts';
import { costOf, findPrice, tokensOf, type Usage } from './usage.ts';
import { withoutUsage } from './usage-chunk.ts';

interface Response {
  status?: number;
  body: string;
  isStream: boolean;
  /** The connection is closed without an end. */
  isCut?: boolean;
}

interface Case extends Response {
  name: string;
  path: string;
  kind: CallKind;
  request?: object;
  /** Undefined: nothing is counted. */
  truth: Omit<Usage, 'model'> | undefined;
}

const sse = (...events: object[]) => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
const usage = (inputTokens: number, cachedInputTokens: number, cacheWriteTokens: number, outputTokens: number) => ({
  ...{ inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens: 0 },
  isEstimate: false,
});
const estimate = (inputTokens: number, outputTokens: number) => ({
  ...usage(inputTokens, 0, 0, outputTokens),
  isEstimate: true,
});

const anthropicStart = {
  type: 'message_start',
  message: {
    model: 'm-1',
    usage: { input_tokens: 10, cache_read_input_tokens: 70, cache_creation_input_tokens: 5, output_tokens: 1 },
  },
};
const anthropicText = (text: string) => ({
  type: 'content_block_delta',
  index: 0,
  delta: { type: 'text_delta', text },
});
const chatText = (content: string) => ({ model: 'm-1', choices: [{ index: 0, delta: { content } }] });
const chatUsage = { prompt_tokens: 30, completion_tokens: 12, prompt_tokens_details: { cached_tokens: 20 } };
const responsesUsage = { input_tokens: 40, output_tokens: 9, input_tokens_details: { cached_tokens: 15 } };

const messages = { path: '/v1/messages', kind: 'anthropic-messages' } as const;
const chat = { path: '/v1/chat/completions', kind: 'openai-chat' } as const;
const responses = { path: '/v1/responses', kind: 'openai-responses' } as const;
const gemini = { path: '/v1beta/models/m-1:streamGenerateContent?alt=sse', kind: 'gemini' } as const;

const cases: Case[] = [
  {
    name: 'Anthropic',
    ...messages,
    isStream: false,
    body: JSON.stringify({ type: 'message', model: 'm-1', content: [], usage: { input_tokens: 3, output_tokens: 4 } }),
    truth: usage(3, 0, 0, 4),
  },
  {
    name: 'Anthropic, streamed',
    ...messages,
    isStream: true,
    body: `event: ping\ndata: {"type":"ping"}\n\n${sse(anthropicStart, anthropicText('héllo'), { type: 'message_delta', usage: { output_tokens: 25 } }, { type: 'message_stop' })}`,
    truth: usage(10, 70, 5, 25),
  },
  {
    name: 'Anthropic, cut after thirty characters',
    ...messages,
    isStream: true,
    isCut: true,
    body: sse(anthropicStart, anthropicText('x'.repeat(30))),
    truth: { ...usage(10, 70, 5, 10), isEstimate: true },
  },
  {
    name: 'Anthropic, cut within an event',
    ...messages,
    isStream: true,
    isCut: true,
    body: `${sse(anthropicStart, anthropicText('xxx'))}data: {"type":"content_bl`,
    truth: { ...usage(10, 70, 5, 1), isEstimate: true },
  },
  {
    name: 'Anthropic, an error',
    ...messages,
    isStream: false,
    status: 529,
    body: '{"type":"error"}',
    truth: undefined,
  },
  {
    name: 'OpenAI, chat',
    ...chat,
    isStream: false,
    body: JSON.stringify({ model: 'm-1', choices: [{ message: { content: 'x' } }], usage: chatUsage }),
    truth: usage(10, 20, 0, 12),
  },
  {
    name: 'OpenAI, chat, streamed with usage',
    ...chat,
    isStream: true,
    body: `${sse(chatText('a'), { model: 'm-1', choices: [], usage: chatUsage })}data: [DONE]\n\n`,
    truth: usage(10, 20, 0, 12),
  },
  {
    name: 'OpenAI, chat, streamed without usage',
    ...chat,
    request: { model: 'm-1', x: 'y'.repeat(16) },
    isStream: true,
    body: `${sse(chatText('abc'), chatText('def'), { model: 'm-1', choices: [{ delta: { tool_calls: [{ function: { arguments: '{}{' } }] } }] })}data: [DONE]\n\n`,
    truth: estimate(13, 3),
  },
  {
    name: 'OpenAI, responses, streamed',
    ...responses,
    isStream: true,
    body: sse(
      { type: 'response.created', response: { model: 'm-1', usage: null } },
      { type: 'response.output_text.delta', delta: 'abc' },
      { type: 'response.completed', response: { model: 'm-1', usage: responsesUsage } },
    ),
    truth: usage(25, 15, 0, 9),
  },
  {
    name: 'OpenAI, responses',
    ...responses,
    isStream: false,
    body: JSON.stringify({ model: 'm-1', usage: responsesUsage }),
    truth: usage(25, 15, 0, 9),
  },
  {
    name: 'Gemini, streamed',
    ...gemini,
    isStream: true,
    body: sse(
      { modelVersion: 'm-1', usageMetadata: { promptTokenCount: 8, candidatesTokenCount: 1 } },
      {
        modelVersion: 'm-1',
        candidates: [{ content: { parts: [{ text: 'x' }] }, finishReason: 'STOP' }],
        usageMetadata: {
          promptTokenCount: 8,
          candidatesTokenCount: 6,
          thoughtsTokenCount: 11,
          cachedContentTokenCount: 3,
        },
      },
    ),
    truth: { ...usage(5, 3, 0, 17), reasoningTokens: 11 },
  },
  {
    name: 'Gemini, a list',
    ...gemini,
    path: '/v1beta/models/m-1:streamGenerateContent',
    isStream: false,
    body: JSON.stringify([
      { usageMetadata: { promptTokenCount: 8 } },
      { candidates: [{ finishReason: 'STOP' }], usageMetadata: { promptTokenCount: 8, candidatesTokenCount: 2 } },
    ]),
    truth: usage(8, 0, 0, 2),
  },
  {
    name: 'a response that is not JSON',
    ...chat,
    request: {},
    isStream: false,
    body: 'x'.repeat(30),
    truth: estimate(1, 10),
  },
];

describe('the reader of usage', () => {
  for (const { name, kind, isStream, isCut = false, body, truth, request = {}, status = 200 } of cases) {
    if (status !== 200 || truth === undefined) continue;
    test(`${name}, in pieces of any size`, () => {
      const random = seededRandom(3);
      const bytes = Buffer.from(body);
      for (let round = 0; round < 30; round += 1) {
        const reader = createUsageReader({ kind, model: 'm-1', requestBytes: JSON.stringify(request).length });
        const objects = createResponseObjects(isStream, (value) => reader.take(value));
        for (let at = 0; at < bytes.length; ) {
          const next = at + 1 + Math.floor(random() * (round < 10 ? 3 : 200));
          objects.write(bytes.subarray(at, next));
          at = next;
        }
        objects.end();
        assert.deepEqual(reader.finish({ isComplete: !isCut, bytes: bytes.length }), { model: 'm-1', ...truth });
      }
    });
  }

  test('takes anything, and counts nothing from what it does not know', () => {
    for (const { kind } of cases) {
      const reader = createUsageReader({ kind, model: 'm-1', requestBytes: 0 });
      for (const odd of [undefined, null, 1, 'x', [], {}, { usage: -1 }, { usage: { input_tokens: 'many' } }, [[[]]]])
        reader.take(odd);
      assert.equal(reader.finish({ isComplete: true, bytes: 0 }).outputTokens, 0);
    }
  });
});

test('calls that use tokens are known by their paths', () => {
  const kinds = Object.fromEntries(cases.map(({ path, kind }) => [path, kind]));
  for (const [path, kind] of Object.entries(kinds)) assert.equal(callKind('POST', path), kind);
  assert.equal(callKind('POST', '/openai/deployments/x/chat/completions?api-version=1'), 'openai-chat');
  assert.equal(callKind('POST', '/v1/messages/count_tokens'), undefined);
  assert.equal(callKind('GET', '/v1/models'), undefined);
  assert.equal(callKind('POST', '/v1/messages/batches'), 'unknown');
  assert.equal(modelInPath('/v1beta/models/gemini-3-pro:generateContent'), 'gemini-3-pro');
});

test('a price is that of the longest beginning of the name', () => {
  const prices = { 'm-1': { input: 1, output: 2 }, 'm-1-mini': { input: 0.1, output: 0.2, cachedInput: 0.01 } };
  assert.equal(findPrice(prices, 'm-1-mini-2026-01-01'), prices['m-1-mini']);
  assert.equal(findPrice(prices, 'other'), undefined);
  const million = { ...usage(1e6, 1e6, 1e6, 1e6), model: 'm' };
  assert.equal(costOf(million, prices['m-1']), 1 + 1 + 1 + 2);
  assert.ok(Math.abs(costOf(million, prices['m-1-mini']) - 0.41) < 1e-9);
});

const entry = (model: string, used: Omit<Usage, 'model'>, cost?: number): LedgerEntry => ({
  model,
  ...used,
  provider: 'OpenAI',
  startedAt: '2026-01-01T00:00:00.000Z',
  completedAt: '2026-01-01T00:00:01.000Z',
  ...(cost !== undefined && { cost }),
});

test('usage survives the gateway, also with half a line at its end', async () => {
  const path = await mkdtemp(join(tmpdir(), 'plan42-ledger-'));
  await using dir = { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
  const first = await openLedger(dir.path);
  await Promise.all([1, 2, 3].map((n) => first.add(entry('m', usage(n, 0, 0, n), n / 2))));
  await appendFile(join(dir.path, usageFile), '{"model":"m","inputTok');
  const second = await openLedger(dir.path);
  assert.deepEqual([tokensOf(second.totals), second.totals.cost, second.totals.calls], [12, 3, 3]);
  await second.add(entry('m', usage(1, 0, 0, 0)));
  const { totals } = await openLedger(dir.path);
  assert.deepEqual([tokensOf(totals), totals.cost, totals.calls], [13, 3, 4]);
});

test('lines of the ledger that are damaged are left out, and none is an error', () => {
  const good = JSON.stringify(entry('m', usage(1, 0, 0, 2)));
  const damaged = [
    'nonsense',
    '{}',
    '{not JSON}',
    '{"model":"m"}',
    `{${good}`,
    good.replace('"inputTokens":1', '"inputTokens":-1'),
    good.replace('"inputTokens":1', '"inputTokens":"1"'),
    `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
    `{"__proto__":${good},"constructor":1}`,
    `{"a":"${'\\u0000'.repeat(10)}}`,
  ];
  for (const line of damaged) assert.deepEqual(parseUsage(`${line}\n`), [], line.slice(0, 80));
  const read = parseUsage(damaged.flatMap((line) => [good, line]).join('\n'));
  assert.deepEqual(
    read.map(tokensOf),
    Array.from(damaged, () => 3),
  );
});

test('a limited job makes no call that its host may take for another one', async () => {
  const path = await mkdtemp(join(tmpdir(), 'plan42-ledger-'));
  await using dir = { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
  const ledger = await openLedger(dir.path);
  const review = async (line: string, headers: readonly string[], limits: { maxTokens?: number }) => {
    const guard = createModelGuard({ policy: { ...limits, prices: {} }, ledger, writeLine: () => {} });
    const [method = '', target = ''] = line.split(' ');
    const host = line.includes('/api/') ? 'api.anthropic.com' : 'model.example';
    const request = { method, path: target, host, port: 443, rawHeaders: headers, body: Readable.from([]) };
    return (await guard.review(request, () => Promise.reject(new Error('asked')))).kind;
  };
  const odd: [line: string, ...headers: string[]][] = [
    ['POST /v1/chat/completions#/count_tokens'],
    ['POST /api/../v1/messages'],
    ['POST /api/%2e%2e/v1/messages'],
    ['POST /api//v1/messages'],
    ['POST /v1/messages;/count_tokens'],
    ['GET /v1beta/models/m:generateContent', 'X-HTTP-Method-Override', 'POST'],
    ['GET /v1beta/models/m:generateContent?_method=POST'],
    ['GET /v1/chat/completions', 'Content-Length', '20'],
    ['DELETE /v1/chat/completions', 'Transfer-Encoding', 'chunked'],
  ];
  for (const [line, ...headers] of odd) {
    assert.equal(await review(line, headers, { maxTokens: 10 }), 'respond', line);
    assert.equal(await review(line, headers, {}), 'pass', line);
  }
  const plain = ['GET /v1/models', 'POST /v1/messages/count_tokens', 'POST /api/event_logging/batch'];
  for (const line of [...plain, 'POST /v1/messages?beta=true', 'DELETE /v1/files/file-1'])
    assert.equal(await review(line, ['Content-Length', '0'], { maxTokens: 10 }), 'pass', line);
});

/** A model behind the gateway of a job, which responds as the cases say, in turn. */
async function startModel(models: Omit<ModelPolicy, 'hosts'>) {
  await using undo = new AsyncDisposableStack();
  let next: Response | ((request: string) => Response | Promise<Response>) = { body: '', isStream: false };
  const host = undo.use(
    await startSecureHost(['model.example'], (request, response) => {
      void (async () => {
        const chunks = await Array.fromAsync(request as AsyncIterable<Buffer>);
        const found = typeof next === 'function' ? await next(Buffer.concat(chunks).toString()) : next;
        const { status = 200, body, isStream, isCut } = found;
        response.writeHead(status, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
        if (!isCut) response.end(body);
        else response.write(body, () => setImmediate(() => response.destroy()));
      })();
    }),
  );
  const broker = undo.use(
    await startBrokeredGateway({
      host,
      intercepted: ['model.example'],
      credentials: [],
      values: {},
      policy: { models: { ...models, hosts: [{ host: 'model.example', port: 443 }] } },
    }),
  );
  const owned = undo.move();
  const { folder, lines } = broker.gateway;
  return {
    lines,
    calls: async () => parseUsage((await readTextIfExists(join(folder, usageFile))) ?? ''),
    call: async (path: string, request: object, response: typeof next, scheme = 'https') => {
      next = response;
      const url = `${scheme}://model.example${path}`;
      const args = ['-sS', '-w', '\n%{http_code}', '--data-binary', JSON.stringify(request), url];
      const { stdout } = await broker.run('curl', args);
      return { body: stdout.slice(0, stdout.lastIndexOf('\n')), status: Number(stdout.split('\n').at(-1)) };
    },
    run: broker.run,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test('through the gateway, the tokens of every kind of call equal the truth, and responses pass unchanged', async () => {
  await using model = await startModel({ prices: {} });
  let counted = 0;
  for (const { name, path, truth, request = { model: 'm-1' }, ...response } of cases) {
    const { body, status } = await model.call(path, request, response);
    assert.equal(status, response.status ?? 200, name);
    assert.equal(body, response.body, name);
    const calls = await model.calls();
    if (truth === undefined) assert.equal(calls.length, counted, name);
    if (truth !== undefined && !truth.isEstimate) {
      const { provider, startedAt, completedAt, ...last } = calls.at(-1) ?? assert.fail(name);
      assert.deepEqual(last, { model: 'm-1', ...truth }, name);
      assert.equal(provider, 'model.example');
      assert.ok(startedAt <= completedAt);
    }
    counted = calls.length;
  }
  assert.equal(counted, cases.filter(({ truth }) => truth !== undefined).length);
});

/** As an API of OpenAI: the usage is in a chunk of its own, for those who ask. */
function streamChat(request: string): Response {
  const { stream_options: options, stream } = JSON.parse(request);
  assert.equal(stream, true);
  const asks = options?.include_usage === true;
  const last = { id: 'chat-1', model: 'm-1', choices: [], usage: chatUsage };
  const chunks = [chatText('one'), chatText('two "usage"'), ...(asks ? [last] : [])];
  return { isStream: true, body: `${sse(...chunks)}data: [DONE]\n\n` };
}

test('a chat stream is counted exactly, and a client sees the usage only if it asks', async () => {
  await using model = await startModel({ maxTokens: 1000, prices: {} });
  const request = '{"model":"m-1","stream":true,"seed":12345678901234567890,"stream_options":{"x":1.0}}';
  let seen = '';
  const host = (text: string) => {
    seen = text;
    return streamChat(text);
  };
  const plain = await model.call('/v1/chat/completions', { model: 'm-1', stream: true }, host);
  const shown = sse(chatText('one'), chatText('two "usage"'));
  assert.equal(plain.body, `${shown}data: [DONE]\n\n`);
  const asked = { model: 'm-1', stream: true, stream_options: { include_usage: true } };
  assert.match((await model.call('/v1/chat/completions', asked, host)).body, /"prompt_tokens":30/);
  await model.run('curl', ['-sS', '-d', request, 'https://model.example/v1/chat/completions']);
  assert.equal(seen, request.replace('"x":1.0', '"x":1.0,"include_usage":true'));
  const calls = await model.calls();
  assert.deepEqual(
    calls.map(({ inputTokens, cachedInputTokens, outputTokens, isEstimate, responseId }) => {
      return [inputTokens, cachedInputTokens, outputTokens, isEstimate, responseId];
    }),
    Array.from({ length: 3 }, () => [10, 20, 12, false, 'chat-1']),
  );
});

test('a host that does not know the option is not asked again, and its calls are estimated', async () => {
  await using model = await startModel({ maxTokens: 1000, prices: {} });
  const strict = (text: string): Response =>
    text.includes('stream_options') ? { status: 422, isStream: false, body: '{}' } : streamChat(text);
  const request = { model: 'm-1', stream: true };
  assert.equal((await model.call('/v1/chat/completions', request, strict)).status, 422);
  assert.equal((await model.call('/v1/chat/completions', request, strict)).status, 200);
  assert.deepEqual(
    (await model.calls()).map(({ isEstimate, outputTokens }) => [isEstimate, outputTokens]),
    [[true, Math.ceil('onetwo "usage"'.length / 3)]],
  );
});

test('the filter of the usage passes everything else, in pieces of any size', () => {
  const last = { choices: [], usage: chatUsage };
  const kept = [chatText('a'), { choices: [], usage: null }, { choices: [{ index: 0 }], usage: chatUsage }];
  const rest = `: comment\n\ndata: ${'x'.repeat(3000)}\r\n\r\ndata: [DONE]`;
  const random = seededRandom(5);
  for (let round = 0; round < 50; round += 1) {
    const bytes = Buffer.from(`${sse(...kept, last)}${rest}`);
    const filter = withoutUsage();
    const passed: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const next = at + 1 + Math.floor(random() * (round < 20 ? 3 : 200));
      passed.push(filter.write(bytes.subarray(at, next)));
      at = next;
    }
    assert.equal(Buffer.concat([...passed, filter.end()]).toString(), `${sse(...kept)}${rest}`);
  }
  const long = Buffer.from(`data: ${'y'.repeat(3 << 20)}\n\n${sse(last)}`);
  const filter = withoutUsage();
  const first = filter.write(long.subarray(0, 2 << 20));
  assert.ok(first.length > 1 << 20, 'an event that is longer than any usage does not wait');
  const all = Buffer.concat([first, filter.write(long.subarray(2 << 20)), filter.end()]);
  assert.equal(all.toString(), long.subarray(0, long.length - sse(last).length).toString());
});

const respondWith = (tokens: number, name: string) => ({
  isStream: false,
  body: JSON.stringify({ model: name, usage: { input_tokens: tokens, output_tokens: 0 } }),
});

test('at a limit, the next call is refused with a sentence in the shape of its API', async () => {
  const prices = { cheap: { input: 1, output: 1 }, dear: { input: 1000, output: 1000 } };
  await using model = await startModel({ maxTokens: 1000, maxCost: 0.5, prices });
  const call = (name: string, tokens: number, scheme?: string) =>
    model.call('/v1/messages', { model: name }, respondWith(tokens, name), scheme);
  assert.equal((await call('cheap', 400)).status, 200);
  const unpriced = await call('other', 1);
  assert.equal(unpriced.status, 403);
  assert.match(unpriced.body, /the model \\"other\\" has no price\. Set its price in \[limits\.prices\.\\"other\\"\]/);
  assert.equal((await model.call('/v1/messages/batches', {}, respondWith(1, 'x'))).status, 403);
  assert.equal(
    (await model.call('/v1/responses', { model: 'cheap', background: true }, respondWith(1, 'x'))).status,
    403,
  );
  // The name in the response has no price: that of the request counts.
  const renamed = await model.call('/v1/messages', { model: 'dear' }, respondWith(500, 'alias'));
  assert.equal(renamed.status, 200);
  const refused = await call('cheap', 1);
  const { message } = JSON.parse(refused.body).error;
  assert.ok(
    message.startsWith('plan42: the models of the job have cost 0.5, and limits.max_cost is 0.5'),
    refused.body,
  );
  assert.ok(model.lines.some((line) => line.includes('the model "other" has no price')));
  // Neither without TLS nor by a WebSocket, which is not read.
  assert.equal((await call('cheap', 1, 'http')).status, 403);
  const socket = ['-i', '-H', 'Connection: Upgrade', '-H', 'Upgrade: websocket', 'https://model.example/v1/responses'];
  assert.match((await model.run('curl', ['-sS', ...socket])).stdout, /403[\s\S]*WebSockets/);
});

test('calls in flight are all that passes a limit, whatever their number', async () => {
  await using model = await startModel({ maxTokens: 1000, prices: {} });
  const gate = Promise.withResolvers<void>();
  let arrived = 0;
  const slow = async () => {
    arrived += 1;
    if (arrived === 8) gate.resolve();
    await gate.promise;
    return respondWith(400, 'm');
  };
  const statuses = await Promise.all(
    Array.from({ length: 8 }, async () => (await model.call('/v1/messages', { model: 'm' }, slow)).status),
  );
  assert.deepEqual(new Set(statuses), new Set([200]));
  const later = await Promise.all(
    Array.from({ length: 8 }, async () => (await model.call('/v1/messages', { model: 'm' }, slow)).status),
  );
  assert.deepEqual(new Set(later), new Set([403]));
  assert.equal(arrived, 8);
  assert.equal((await model.calls()).length, 8);
});

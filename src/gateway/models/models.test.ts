import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { startBrokeredGateway, startSecureHost } from '../../../test/support/broker.ts';
import { seededRandom } from '../../../test/support/random.ts';
import { type CallKind, callKind, modelInPath } from './call-kind.ts';
import { openLedger, parseUsage, usageFile } from './ledger.ts';
import { createModelGuard, type ModelLimits } from './model-guard.ts';
import { createUsageReader } from './read-usage.ts';
import { createResponseObjects } from './response-objects.ts';
import { costOf, findPrice, type Usage } from './usage.ts';

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
  ...{ inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens },
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
    truth: usage(5, 3, 0, 17),
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

async function makeLedgerFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'plan42-ledger-'));
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

test('usage survives the gateway, also with half a line at its end', async () => {
  await using dir = await makeLedgerFolder();
  const prices = { m: { input: 1, output: 1 } };
  const first = await openLedger(dir.folder, prices);
  await Promise.all([1, 2, 3].map((n) => first.add({ model: 'm', ...usage(n, 0, 0, n) })));
  await appendFile(join(dir.folder, usageFile), '{"model":"m","inputTok');
  const second = await openLedger(dir.folder, prices);
  assert.deepEqual(second.totals, { tokens: 12, cost: 12 / 1e6 });
  await second.add({ model: 'm', ...usage(1, 0, 0, 0) });
  assert.equal((await openLedger(dir.folder, prices)).totals.tokens, 13);
  assert.equal(parseUsage('nonsense\n{}\n').length, 0);
});

/** A model behind the gateway of a job, which responds as the cases say, in turn. */
async function startModel(limits: ModelLimits) {
  await using undo = new AsyncDisposableStack();
  const dir = undo.use(await makeLedgerFolder());
  let next: Response = { body: '', isStream: false };
  const host = undo.use(
    await startSecureHost(['model.example'], (request, response) => {
      request.resume().once('end', () => {
        const { status = 200, body, isStream, isCut } = next;
        response.writeHead(status, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
        if (!isCut) response.end(body);
        else response.write(body, () => setImmediate(() => response.destroy()));
      });
    }),
  );
  const ledger = await openLedger(dir.folder, limits.prices);
  const guard = createModelGuard({ limits, ledger, writeLine: () => {} });
  const broker = undo.use(
    await startBrokeredGateway({
      host,
      intercepted: ['model.example'],
      credentials: [],
      values: {},
      guards: () => [guard],
    }),
  );
  const owned = undo.move();
  return {
    ledger,
    lines: broker.gateway.lines,
    folder: dir.folder,
    call: async (path: string, request: object, response: Response) => {
      next = response;
      const url = `https://model.example${path}`;
      const args = ['-sS', '-w', '\n%{http_code}', '--data-binary', JSON.stringify(request), url];
      const { stdout } = await broker.run('curl', args);
      return { body: stdout.slice(0, stdout.lastIndexOf('\n')), status: Number(stdout.split('\n').at(-1)) };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test('through the gateway, the tokens of every kind of call equal the truth, and responses pass unchanged', async () => {
  await using model = await startModel({ prices: {} });
  let tokens = 0;
  for (const { name, path, truth, request = { model: 'm-1' }, ...response } of cases) {
    const { body, status } = await model.call(path, request, response);
    assert.equal(status, response.status ?? 200, name);
    assert.equal(body, response.body, name);
    if (truth && !truth.isEstimate) {
      tokens += truth.inputTokens + truth.cachedInputTokens + truth.cacheWriteTokens + truth.outputTokens;
    } else tokens = model.ledger.totals.tokens;
    assert.equal(model.ledger.totals.tokens, tokens, name);
  }
  const written = parseUsage(await readFile(join(model.folder, usageFile), 'utf8'));
  assert.equal(written.length, cases.filter(({ truth }) => truth !== undefined).length);
});

test('at a limit, the next call is refused with a sentence in the shape of its API', async () => {
  const prices = { cheap: { input: 1, output: 1 }, dear: { input: 1000, output: 1000 } };
  await using model = await startModel({ maxTokens: 1000, maxCost: 0.5, prices });
  const respond = (tokens: number, name: string) => ({
    isStream: false,
    body: JSON.stringify({ model: name, usage: { input_tokens: tokens, output_tokens: 0 } }),
  });
  assert.equal((await model.call('/v1/messages', { model: 'cheap' }, respond(400, 'cheap'))).status, 200);
  const unpriced = await model.call('/v1/messages', { model: 'other' }, respond(1, 'other'));
  assert.equal(unpriced.status, 403);
  assert.match(unpriced.body, /the model \\"other\\" has no price\. Set limits\.prices/);
  assert.equal((await model.call('/v1/messages/batches', {}, respond(1, 'x'))).status, 403);
  assert.equal((await model.call('/v1/messages', { model: 'dear' }, respond(500, 'dear'))).status, 200);
  const refused = await model.call('/v1/messages', { model: 'cheap' }, respond(1, 'cheap'));
  assert.equal(
    JSON.parse(refused.body).error.message.startsWith('plan42: the job has cost 0.5004'),
    true,
    refused.body,
  );
  assert.ok(model.lines.some((line) => line.includes('the model "other" has no price')));
});

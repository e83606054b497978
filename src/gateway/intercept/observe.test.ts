import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Guard, InterceptedRequest, Pass } from './hooks.ts';
import { observing } from './observe.ts';

const refused = { what: 'a push', remedy: 'Do not push.' };
const refusal = { kind: 'respond', status: 403, headers: [], body: 'no', refused } as const;

const read = async (body: InterceptedRequest['body'], maxBytes = Infinity) => {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes >= maxBytes) break;
  }
  return bytes;
};

async function observe(review: Guard['review'], chunks: readonly Uint8Array[]): Promise<Pass & { sent: Buffer }> {
  let taken = 0;
  const body = (async function* () {
    for (const chunk of chunks) {
      taken += 1;
      yield chunk;
    }
  })();
  const request = { method: 'POST', host: 'github.com', port: 443, path: '/', rawHeaders: [] };
  const verdict = await observing({ review }).review({ ...request, body }, async () => assert.fail());
  assert.equal(verdict.kind, 'pass');
  assert.equal(verdict.bodyLength, undefined);
  const sent = await buffer(verdict.body ?? body);
  assert.equal(taken, chunks.length);
  return { ...verdict, sent };
}

const chunks = Array.from({ length: 10 }, (_, n) => Buffer.alloc(1 << 20, n));
const whole = Buffer.concat(chunks);

for (const [what, review, observed] of [
  ['a refusal before the body', async () => refusal, refused],
  ['a refusal after a part of it', async ({ body }) => ((await read(body, 3 << 20)) > 0 ? refusal : refusal), refused],
  ['a refusal after all of it', async ({ body }) => ((await read(body)) > 0 ? refusal : refusal), refused],
  [
    'a body that is replaced',
    async ({ body }) => ({ kind: 'pass', body: [Buffer.alloc(await read(body))].values() as never, bodyLength: 7 }),
    undefined,
  ],
  [
    'a mistake of the guard',
    async ({ body }) => {
      await read(body, 1);
      throw new Error('a mistake');
    },
    undefined,
  ],
] as const satisfies readonly [string, Guard['review'], unknown][]) {
  test(`${what} changes nothing of the request`, async () => {
    const verdict = await observe(review, chunks);
    assert.deepEqual(verdict.observed, observed);
    assert.ok(verdict.sent.equals(whole), `${verdict.sent.length} bytes`);
  });
}

test('a guard that reads to the end does not hold a long body', async () => {
  let seen = 0;
  const verdict = await observe(async ({ body }) => {
    seen = await read(body);
    return refusal;
  }, chunks);
  assert.ok(seen > 4 << 20 && seen < whole.length, `${seen} bytes`);
  assert.equal(verdict.sent.length, whole.length);
});

import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { startBrokeredGateway, startSecureHost } from '../../../test/support/broker.ts';
import type { Guard, ResponseTap } from './hooks.ts';

const credential = {
  name: 'model',
  placeholder: 'sk-placeholder-000',
  targets: [{ host: 'bound.example', port: 443, isPlain: false }],
};

async function guarded(...guards: Guard[]) {
  const stack = new AsyncDisposableStack();
  const received: string[] = [];
  const host = stack.use(
    await startSecureHost(['bound.example'], (request, response) => {
      void text(request).then((body) => {
        const { authorization, 'content-length': length, 'x-set': set } = request.headers;
        received.push(`${request.method} ${request.url} ${authorization} ${length} ${set} ${body}`);
        response.setHeader('Content-Length', '4');
        response.end('true');
      });
    }),
  );
  const broker = stack.use(
    await startBrokeredGateway({
      host,
      intercepted: ['bound.example'],
      credentials: [credential],
      values: { model: 'sk-real' },
      guards: () => guards,
    }),
  );
  const curl = ['-sS', '-d', 'body', '-H', `Authorization: Bearer ${credential.placeholder}`];
  return {
    received,
    gateway: broker.gateway,
    call: async () => (await broker.run('curl', [...curl, 'https://bound.example/a?b'])).stdout,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test('a guard sees the request as the client wrote it, and can change body and headers', async () => {
  const seen: unknown[] = [];
  await using job = await guarded({
    review: async ({ method, host, path, rawHeaders, body }) => {
      seen.push([method, host, path, rawHeaders.includes(`Bearer ${credential.placeholder}`)]);
      const changed = `${Buffer.concat(await Array.fromAsync(body)).toString()} and more`;
      const headers = ['X-Set', 'yes', 'Accept-Encoding', 'identity'];
      return { kind: 'pass', body: [Buffer.from(changed)] as never, bodyLength: changed.length, headers };
    },
  });
  assert.equal(await job.call(), 'true');
  assert.deepEqual(seen, [['POST', 'bound.example', '/a?b', true]]);
  assert.deepEqual(job.received, ['POST /a?b Bearer sk-real 13 yes body and more']);
});

test('a guard responds in place of the host, and its refusal is recorded', async () => {
  await using job = await guarded({
    review: () =>
      Promise.resolve({
        kind: 'respond',
        status: 403,
        headers: ['Content-Type', 'text/plain'],
        body: 'no',
        refused: { what: 'merges are not allowed', remedy: 'Ask a maintainer.' },
        drains: true,
      }),
  });
  assert.equal(await job.call(), 'no');
  assert.deepEqual(job.received, []);
  assert.deepEqual(job.gateway.lines, [
    'plan42: network: refused bound.example:443: merges are not allowed. Ask a maintainer.',
  ]);
});

test('a guard that fails lets nothing pass', async () => {
  await using job = await guarded({ review: () => Promise.reject(new Error('confused')) });
  assert.match(await job.call(), /cannot review this request: confused/);
  assert.deepEqual(job.received, []);
});

test('a tap sees the response, and one that changes it is obeyed', async () => {
  const calls: string[] = [];
  const tap = (name: string, changes: boolean): ResponseTap => ({
    changes,
    write: (chunk) => {
      calls.push(`${name} ${Buffer.from(chunk).toString()}`);
      return Buffer.from('changed');
    },
    end: (isComplete) => {
      calls.push(`${name} ${isComplete}`);
      return Promise.resolve(Buffer.from(' end'));
    },
  });
  const guard = (made: ResponseTap): Guard => ({
    review: () => Promise.resolve({ kind: 'pass', onResponse: ({ status }) => (status === 200 ? made : undefined) }),
  });
  await using job = await guarded(guard(tap('sees', false)), guard(tap('changes', true)));
  assert.equal(await job.call(), 'changed end');
  assert.deepEqual(calls, ['sees true', 'sees true', 'changes true', 'changes true']);
});

test('a guard asks the host with the credential of the request', async () => {
  const answers: string[] = [];
  await using job = await guarded({
    review: async (_, ask) => {
      const answer = await ask({ method: 'POST', path: '/own', headers: ['X-Set', 'own'], body: 'question' });
      answers.push(`${answer.status} ${Buffer.from(answer.body).toString()}`);
      return { kind: 'pass' };
    },
  });
  assert.equal(await job.call(), 'true');
  assert.deepEqual(answers, ['200 true']);
  assert.deepEqual(job.received, [
    'POST /own Bearer sk-real 8 own question',
    'POST /a?b Bearer sk-real 4 undefined body',
  ]);
});

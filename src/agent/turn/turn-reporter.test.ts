import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTurnServer, type TurnServer } from '../../../test/support/turn-server.ts';
import { createTransport } from '../../plan42/transport.ts';
import { findApi } from './api.ts';
import { LogSpool } from './log-spool.ts';
import { createRedactor } from './redactor.ts';
import { parseRequest } from './request.ts';
import { TurnReporter } from './turn-reporter.ts';

const ids = { TenantId: '11111111-1111-4111-8111-111111111111', TaskId: '22222222-2222-4222-8222-222222222222' };
const entry = (n: number) => ({ Timestamp: '2026-01-01T00:00:00Z', Message: `line ${n}` });

async function reporterOf(server: TurnServer, redact?: (text: string) => string): Promise<TurnReporter> {
  const input = { Turn: { ...ids, TurnIndex: 1, Prompt: 'x', Version: 1 }, AgentToken: 'p42a_x' };
  const request = parseRequest(JSON.stringify(input));
  const transport = createTransport({});
  const api = await findApi(request, { url: server.url, transport });
  return new TurnReporter(api.turn, { version: 1, ...(redact && { redact }) });
}

test('entries beyond the memory wait in a file, in their order', () => {
  using spool = new LogSpool(1000);
  const seen: string[] = [];
  let next = 0;
  for (let round = 0; round < 50; round += 1) {
    for (let n = 0; n < 97; n += 1) spool.push(entry(next++));
    const batch = spool.peek().slice(0, 60);
    seen.push(...batch.map(({ Message }) => Message));
    spool.drop(batch.length);
  }
  while (spool.length > 0) {
    const batch = spool.peek();
    assert.ok(batch.length > 0);
    seen.push(...batch.map(({ Message }) => Message));
    spool.drop(batch.length);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: next }, (_, n) => `line ${n}`),
  );
});

test('log and status survive a server that is down', async () => {
  await using server = await startTurnServer();
  await using turn = await reporterOf(server);
  let down = 3;
  server.beforeWrite = () => {
    down -= 1;
    return down >= 0 ? 'fail' : undefined;
  };
  turn.update({ Status: 'Working' });
  for (let n = 0; n < 1200; n += 1) turn.log(`line ${n}`);
  await turn.finish({ Status: 'Completed', OutputMessage: 'Done.' });
  assert.equal(server.turn.OutputMessage, 'Done.');
  assert.deepEqual(
    server.log,
    Array.from({ length: 1200 }, (_, n) => `line ${n}`),
  );
});

test('a turn finishes although the server refuses its log, or a field', async () => {
  await using server = await startTurnServer();
  await using turn = await reporterOf(server);
  server.refuse = (body) => 'Logs' in body || 'CommitInfo' in body;
  turn.log('a line');
  await turn.finish({ Status: 'Failed', ErrorMessage: 'no', CommitInfo: {} });
  assert.deepEqual([server.turn.Status, server.turn.ErrorMessage, server.log], ['Failed', 'no', []]);
});

test('secrets and endless texts are left out', async () => {
  await using server = await startTurnServer();
  await using turn = await reporterOf(server, createRedactor(['first line\nsecond line', 'short', 'p4ss-word']));
  turn.log('p4ss-word first line short');
  await turn.finish({ Status: 'Completed', OutputMessage: `second line ${'€'.repeat(400_000)}` });
  assert.deepEqual(server.log, ['[redacted] [redacted] short']);
  assert.match(server.turn.OutputMessage ?? '', /^\[redacted\] €/);
  assert.ok(Buffer.byteLength(server.turn.OutputMessage ?? '') < 1_000_000);
});

test('a cancelled turn is noticed, and stays as it is', async () => {
  await using server = await startTurnServer();
  await using turn = await reporterOf(server);
  server.cancel();
  turn.log('a line');
  await assert.rejects(turn.finish({ Status: 'Completed' }), { name: 'TurnFinished', status: 'Failed' });
  assert.ok(turn.finished.aborted);
  assert.equal(server.turn.ErrorMessage, 'cancelled by user');
});

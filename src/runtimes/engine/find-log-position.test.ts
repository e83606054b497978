import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { findLogPosition } from './find-log-position.ts';

const lostAt = new Date('2026-01-02T03:04:10Z');
const line = (fraction: string, text: string) => `2026-01-02T03:04:05.${fraction}Z ${text}`;
const secondsOf = (time: string) => String(Date.parse(time) / 1000);
const kept = secondsOf('2026-01-02T03:04:05Z');

/** Where a log with this content continues if the engine has kept these lines. */
async function positionOf(log: string, keptLines: string[], keptErrors: string[] = []): Promise<string> {
  await using dir = await makeTempDir();
  const logFile = join(dir.path, 'job.log');
  await writeFile(logFile, log);
  await writeFile(join(dir.path, 'out'), keptLines.map((text) => `${text}\n`).join(''));
  await writeFile(join(dir.path, 'err'), keptErrors.map((text) => `${text}\n`).join(''));
  const command = join(dir.path, 'engine');
  await writeFile(command, `#!/bin/sh\ncat ${dir.path}/out\ncat ${dir.path}/err >&2\n`, { mode: 0o755 });
  return await findLogPosition({ command, env: process.env, jobId: 'job', logFile, lostAt, signal: undefined });
}

test('a log continues after its last line, to the nanosecond', async () => {
  const lines = [line('1', 'one'), line('200000001', 'two'), line('3', 'three')];
  assert.equal(await positionOf('one\ntwo\n', lines), `${kept}.200000002`);
  assert.equal(await positionOf('one\ntwo\nthree\n', lines), `${kept}.300000001`);
  assert.equal(await positionOf('one\n', [line('999999999', 'one')]), `${Number(kept) + 1}.000000000`);
});

test('a line of standard error counts too', async () => {
  assert.equal(await positionOf('out\nerr\n', [line('1', 'out')], [line('2', 'err')]), `${kept}.200000001`);
});

test('the client’s error message and an incomplete line are skipped', async () => {
  const complaint = 'time="2026-01-02T03:04:10Z" level=error msg="error waiting for container: unexpected EOF"\n';
  const lines = [line('1', 'one'), line('2', 'two and a half')];
  assert.equal(await positionOf(`one\n${complaint}`, lines), `${kept}.100000001`);
  assert.equal(await positionOf(`one\ntwo${complaint}`, lines), `${kept}.100000001`);
});

test('lines that the engine passed on and lost are passed over', async () => {
  const lost = Array.from({ length: 500 }, (_, i) => `lost ${i}\n`).join('');
  const lines = [line('1', 'one'), line('9', 'after the restart')];
  assert.equal(await positionOf(`one\n${lost}`, lines), `${kept}.100000001`);
});

test('of lines that are alike the last counts', async () => {
  const lines = [line('1', 'tick'), line('2', 'tick'), line('3', 'tick')];
  assert.equal(await positionOf('tick\ntick\ntick\n', lines), `${kept}.300000001`);
});

test('a line that occurs again after another is not repeated', async () => {
  const lines = [line('1', 'a'), line('2', 'b'), line('3', 'a'), line('4', 'c')];
  assert.equal(await positionOf('a\nb\na\n', lines), `${kept}.300000001`);
});

test('without a common line, a log continues at the time when it was lost', async () => {
  const lost = `${secondsOf('2026-01-02T03:04:10Z')}.000000000`;
  assert.equal(await positionOf('', []), lost);
  assert.equal(await positionOf('one\n', [line('1', 'another')]), lost);
  assert.equal(await positionOf('one\n', ['no time at all', 'Error: no such container']), lost);
});

/** A run of the tests that is stopped leaves no process, daemon or folder. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { exists } from '../src/lib/files.ts';
import { commandLine, listProcesses } from '../src/lib/processes.ts';
import { eventually } from './support/eventually.ts';
import { makeTempDir } from './support/temp-dir.ts';

const root = join(import.meta.dirname, '..');

async function linesWith(word: string): Promise<string[]> {
  const lines = (await listProcesses()).map(({ pid }) => commandLine(pid).catch(() => ''));
  return (await Promise.all(lines)).filter((line) => line.includes(word));
}

test('SIGTERM ends what test files have started, and the engines', { timeout: 240_000 }, async (t) => {
  if (process.platform !== 'linux') return t.skip('the processes are found on Linux only');
  await using dir = await makeTempDir();
  const file = join(dir.path, 'started');
  const args = ['scripts/test.ts', 'test/support/unending-test.ts'];
  // A run of its own, with engines of its own.
  const { NODE_TEST_CONTEXT: _context, PLAN42_TEST_ENGINES: _engines, ...inherited } = process.env;
  const env = { ...inherited, PLAN42_STOPPED_RUN: file };
  const run = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => run.kill('SIGKILL'));
  const output = text(run.stdout);
  await eventually(() => exists(file), 120_000);
  assert.equal((await linesWith(file)).length, 2);
  const exited = once(run, 'exit');
  run.kill('SIGTERM');
  const [code] = await exited;
  assert.equal(code, 143, await output);
  assert.deepEqual(await linesWith(file), []);
  const prefix = `plan42-engines-${run.pid}-`;
  assert.deepEqual(await linesWith(prefix), []);
  assert.deepEqual(
    (await readdir(tmpdir())).filter((name) => name.startsWith(prefix)),
    [],
  );
});

/** `plan42 server start` prints one command that connects a runner: it is run here as it stands. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from './support/eventually.ts';
import { fakeDocker } from './support/fake-docker.ts';
import { makeTempDir } from './support/temp-dir.ts';

const executables = join(import.meta.dirname, '../bin');

test('the command that the server prints connects a runner', async () => {
  await using dir = await makeTempDir();
  const PATH = `${executables}:${await fakeDocker(dir.path)}`;
  const env = { PATH, HOME: dir.path, PLAN42_QUEUES_DRAIN_TIME: '100ms', PLAN42_QUEUES_POLL_WAIT: '1s' };
  const data = join(dir.path, "it's data");
  const server = spawn('plan42', ['server', 'start', '--listen', '127.0.0.1:0', '--data', data], { env });
  await using _server = ending(server);
  const greeting = await collected(server.stdout, /kept\.\n$/);
  const command = /Connect a runner, in another terminal:\n(.*?)\n\n/s.exec(greeting)?.[1] ?? '';
  assert.match(command, /^ {2}plan42 server token create .*&&\n {4}plan42 runner exec$/s);

  // A shell of its own process group, as at a terminal: Ctrl-C reaches all of it.
  const shell = spawn('sh', ['-c', command], { env, detached: true });
  await using _shell = ending(shell, -(shell.pid ?? 0));
  await collected(shell.stderr, /runner ready/);
  const config = await readFile(join(dir.path, '.config/plan42-runner.toml'), 'utf8');
  assert.match(config, /^\[runner\]\nurl = "http:\/\/127\.0\.0\.1:\d+"\ntoken = "p42r_[^"]+"\n$/);
});

/** Terminates a process, or a group (negative), and waits for its output to end: a runner deletes its queues on exit. */
function ending(child: ChildProcess, pid = child.pid ?? 0): AsyncDisposable {
  const closed = once(child, 'close');
  child.stdout?.resume();
  child.stderr?.resume();
  return {
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null) process.kill(pid, 'SIGTERM');
      await closed;
    },
  };
}

async function collected(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return eventually(async () => (pattern.test(text) ? text : undefined)).catch(() => {
    throw new Error(`there is no ${pattern} in:\n${text}`);
  });
}

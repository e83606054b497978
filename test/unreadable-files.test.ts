/** Every command that opens a file ends, whatever the file is: with an error, or by a signal. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { MessagePlane } from './support/message-plane.ts';
import { ServerProcess } from './support/server-process.ts';
import { makeTempDir, type TempDir } from './support/temp-dir.ts';

const { token } = new MessagePlane();
const bin = join(import.meta.dirname, '../bin');
let dir: TempDir;
let pipe: string;
let server: ServerProcess;

before(async () => {
  dir = await makeTempDir();
  pipe = join(dir.path, 'pipe');
  execFileSync('mkfifo', [pipe]);
  server = await ServerProcess.start(join(dir.path, 'server'));
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

function start(command: string) {
  const env = { PATH: process.env['PATH'], HOME: dir.path };
  const child = spawn('/bin/bash', ['-c', `exec ${join(bin, command)}`], {
    env,
  });
  const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
  return {
    child,
    ended: once(child, 'close').then(async ([code, signal]) => ({
      end: code ?? signal,
      stdout: await stdout,
      stderr: await stderr,
    })),
  };
}

const create = (more: string) => `plan42 server task create --data ${server.dataDir} --image alpine ${more}`;

test('a file on disk that is a pipe is refused without waiting', async () => {
  const data = join(dir.path, 'data');
  const config = join(dir.path, 'runner.toml');
  await mkdir(data);
  execFileSync('mkfifo', [join(data, 'admin.json'), join(data, 'plan42.db')]);
  await writeFile(config, `[network]\nca_file = "${pipe}"\n[runner]\ntoken = "${token}"\n`, { mode: 0o600 });
  const listen = '--listen 127.0.0.1:0';
  const commands = [
    `plan42 server restore ${pipe} --data ${join(dir.path, 'new')}`,
    `plan42 server backup ${join(dir.path, 'backup')} --data ${data}`,
    `plan42 server start ${listen} --data ${join(dir.path, 'tls')} --tls-cert ${pipe} --tls-key ${pipe}`,
    `plan42 server start ${listen} --data ${data}`,
    `plan42 server task list --data ${data}`,
    `plan42 runner config list -c ${pipe}`,
    `plan42 runner config set jobs.pids=99 -c ${pipe}`,
    `plan42 runner config validate -c ${config}`,
    `plan42-runner -c ${config}`,
    `plan42-runner -c ${pipe}`,
  ];
  for (const command of commands) {
    const { end, stderr } = await start(command).ended;
    assert.ok(typeof end === 'number' && end > 0, `${command}: ${end}`);
    assert.match(stderr, /it is a pipe, not a file/, command);
    assert.doesNotMatch(stderr, /unexpected failure|cannot read [^:]*: cannot read/, command);
  }
});

test('a signal ends a command that waits for the writer of a named pipe', async () => {
  const environment = `plan42 server environment create e --data ${server.dataDir} --image alpine`;
  const commands = [
    create(`--prompt-file ${pipe}`),
    `${environment} --setup-script ${pipe}`,
    `${environment} --context ${pipe}`,
    `${environment} --secret-file NAME=${pipe}`,
    `plan42 runner config set github.a.token --from-file ${pipe} -c ${join(dir.path, 'new.toml')}`,
  ];
  for (const [index, command] of commands.entries()) {
    const { child, ended } = start(command);
    // Opens the pipe for writing as soon as there is a reader, which then waits for the text.
    const writer = spawn('/bin/sh', ['-c', 'exec 3>"$0"; echo open; exec sleep 1000', pipe]);
    await Promise.race([once(writer.stdout, 'data'), ended]);
    child.kill(index % 2 === 0 ? 'SIGINT' : 'SIGTERM');
    const { end, stdout, stderr } = await ended;
    writer.kill();
    await once(writer, 'close');
    assert.equal(end, 130, `${command}: ${stderr}`);
    assert.equal(stdout + stderr, '');
  }
});

test('a prompt comes from a file, standard input or the output of a command, within a limit', async () => {
  const file = join(dir.path, 'prompt');
  await writeFile(file, 'from a file');
  for (const more of [`--prompt-file ${file}`, '--prompt-file <(echo from a command)']) {
    const { end, stderr } = await start(create(more)).ended;
    assert.equal(end, 0, `${more}: ${stderr}`);
  }
  for (const name of ['-', '/dev/stdin']) {
    const { child, ended } = start(create(`--prompt-file ${name}`));
    child.stdin.end('from standard input');
    const { end, stderr } = await ended;
    assert.equal(end, 0, `${name}: ${stderr}`);
  }
  for (const more of ['--prompt-file /dev/zero', '--prompt-file <(exec cat /dev/zero)', '--prompt-file - </dev/zero']) {
    const { end, stderr } = await start(create(more)).ended;
    assert.equal(end, 1, more);
    assert.match(stderr, /^ERROR: cannot read the prompt from \S+: it is larger than 16 MiB\. /, more);
  }
});

/** The doctor with real engines, and as a process of its own. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { ServerProcess } from './support/server-process.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { tlsPair } from './support/tls-pair.ts';

const execute = promisify(execFile);
const plan42 = join(import.meta.dirname, '../bin/plan42');

interface Checked {
  name: string;
  status: string;
  found: string[];
  remedies: { text: string }[];
}

interface Given {
  /** More of the configuration, with its own tables. */
  config?: string;
  env?: NodeJS.ProcessEnv;
  args?: string[];
  /** The server has a certificate that only the runner trusts. */
  tls?: boolean;
}

interface Report {
  status: string;
  durationMs: number;
  checks: Checked[];
}

/** Runs `doctor` against a server on loopback. Undefined if the engine is missing. */
async function runDoctor(t: TestContext, name: 'podman' | 'docker', given: Given = {}) {
  const engines = await requires(t, name);
  if (!engines) return undefined;
  const { config = '', env = {}, args = [], tls = false } = given;
  await using dir = await makeTempDir();
  const at = (file: string) => join(dir.path, file);
  await Promise.all([writeFile(at('cert.pem'), tlsPair.cert), writeFile(at('key.pem'), tlsPair.key)]);
  const certificate = ['--tls-cert', at('cert.pem'), '--tls-key', at('key.pem')];
  await using server = await ServerProcess.start(at('data'), 0, tls ? certificate : []);
  const { stdout: token } = await execute(plan42, ['server', 'token', 'create', '--data', at('data')]);
  const network = tls ? `[network]\nca_file = "${at('cert.pem')}"\n` : '';
  const runner = `[runner]\nurl = "${server.url}"\ntoken = "${token.trim()}"\nruntime = "${name}"\n`;
  await writeFile(at('runner.toml'), runner + network + config, { mode: 0o600 });
  const command = ['runner', 'doctor', '--json', '-c', at('runner.toml'), ...args];
  const environment = { ...process.env, ...engines[name].env, PLAN42_STATE_DIR: at('state'), ...env };
  const { stdout } = await execute(plan42, command, { env: environment }).catch((error: { stdout: string }) => error);
  assert.ok(!stdout.includes(token.trim()));
  const left = await run(name, ['images', '--quiet', 'localhost/plan42-doctor'], { env: engines[name].env });
  const containers = await run(name, ['ps', '--all', '--format', '{{.Names}}'], { env: engines[name].env });
  assert.equal(left, '', 'the image is removed');
  assert.ok(!containers.includes('plan42-doctor'), 'and the container');
  const files = ['cert.pem', 'data', 'key.pem', 'runner.toml'];
  assert.deepEqual((await readdir(dir.path)).toSorted(), files, 'and its files');
  const { status, durationMs, checks } = JSON.parse(stdout) as Report;
  const of = (check: string) => {
    const found = checks.find((each) => each.name === check);
    assert.ok(found, stdout);
    return found;
  };
  return { status, durationMs, of, text: stdout };
}

for (const name of ['podman', 'docker'] as const) {
  suite(name, () => {
    test('everything is in order, and a container calls the server', async (t) => {
      const jobs = '[jobs]\nmounts = ["/etc/hosts:/a"]\nenv = ["COLOUR=very secret"]\n';
      const doctor = await runDoctor(t, name, { config: jobs });
      if (!doctor) return;
      assert.deepEqual(doctor.of('given').found, ['agents get /etc/hosts, COLOUR']);
      assert.ok(!doctor.text.includes('very secret'));
      assert.equal(doctor.status, 'ok', doctor.text);
      assert.match(doctor.of('runtime').found[0] ?? '', new RegExp(`^${name} \\d+\\.\\d+`));
      assert.match(
        doctor.of('container').found[0] ?? '',
        new RegExp(`^a container of ${name} called http://host\\.(docker|containers)\\.internal:\\d+, \\d+ ms$`),
      );
      assert.match(
        doctor.of('container').found[1] ?? '',
        new RegExp(
          `^a container of ${name} behind the wall called http://plan42\\.internal:\\d+ through its gateway, \\d+ ms, and reached no network$`,
        ),
      );
      assert.deepEqual(doctor.of('credentials').found, [
        `a container of ${name} used a placeholder: its host got the secret, which the container did not have`,
      ]);
      const [ended = '', refused] = doctor.of('limits').found;
      assert.match(
        ended,
        new RegExp(`^a container of ${name} was ended: it ran for \\d+\\.\\d s, and limits\\.max_duration is 2\\.0 s$`),
      );
      assert.equal(
        refused,
        `a call of a model in a container of ${name} was refused: the models of the job have used 100 tokens, and limits.max_tokens is 100`,
      );
    });

    test('a container makes no call of a model beyond the limits of tokens and money', async (t) => {
      const prices = '[limits.prices.m]\ninput = 1\noutput = 2\n';
      const limits = `[egress]\nmode = "enforce"\n[limits]\nmax_tokens = 7\nmax_cost = 3\n${prices}`;
      const doctor = await runDoctor(t, name, { config: limits });
      if (!doctor) return;
      assert.deepEqual(doctor.of('limits').found.slice(1), [
        `a call of a model in a container of ${name} was refused: the models of the job have used 100 tokens, and limits.max_tokens is 100`,
        `a call of a model in a container of ${name} was refused: the models of the job have cost 1.00, and limits.max_cost is 1`,
      ]);
      assert.equal(doctor.of('limits').status, 'ok', doctor.text);
    });

    test('an entrypoint in a mounted folder is looked at, and its place in the container taken by the doctor', async (t) => {
      await using dir = await makeTempDir();
      const agent = join(dir.path, 'agent');
      await writeFile(agent, '#!/bin/sh\n', { mode: 0o755 });
      const config = `[jobs]\nentrypoint = "/opt/agents/agent"\nmounts = ["${dir.path}:/opt/agents"]\n`;
      const doctor = await runDoctor(t, name, { config });
      if (!doctor) return;
      assert.equal(doctor.status, 'ok', doctor.text);
      assert.match(
        doctor.of('container').found.at(-1) ?? '',
        /^\/.*\/agent of this machine is an executable file; the test/,
      );
      await chmod(agent, 0o644);
      const refused = (await runDoctor(t, name, { config }))?.of('container');
      assert.equal(refused?.status, 'failed');
      assert.match(
        refused.found.at(-1) ?? '',
        /^no agent can start: \/opt\/agents\/agent is the file .*, which cannot be executed/,
      );
    });

    test('--quick starts no container, and ends within ten seconds', async (t) => {
      const jobs = '[jobs]\nmounts = ["/etc/hosts:/a", "/does/not/exist:/b"]\nenv = ["KEY=very secret"]\n';
      const config = `${jobs}[images]\nallowed = ["localhost/never-built:v1", "localhost/any/*"]\n`;
      const doctor = await runDoctor(t, name, { args: ['--quick'], config });
      if (!doctor) return;
      assert.equal(doctor.of('container').status, 'skipped');
      const credentials = doctor.of('credentials');
      assert.equal(credentials.status, 'warning');
      assert.match(credentials.found[0] ?? '', /^KEY looks like a secret, and jobs get it itself: no host is known/);
      assert.match(credentials.remedies[0]?.text ?? '', /\[credentials\.NAME\] table with variable = "KEY"/);
      assert.ok(doctor.durationMs < 10_000);
      const given = doctor.of('given');
      assert.deepEqual([given.status, given.found], ['failed', ['cannot mount /does/not/exist: it does not exist']]);
      assert.ok(!doctor.text.includes('very secret'));
      const { status, found } = doctor.of('images');
      assert.equal(status, 'warning');
      assert.deepEqual(found.slice(1), [
        'localhost/never-built:v1 is not on this machine, and no registry has images of this name',
      ]);
    });
  });
}

test('a container that cannot reach the server is a failure', async (t) => {
  const doctor = await runDoctor(t, 'docker', { config: '[jobs]\nnetwork = "none"\n' });
  if (!doctor) return;
  const { status, found, remedies } = doctor.of('container');
  assert.equal(status, 'failed');
  assert.match(found[0] ?? '', /cannot call .* \(a container on the network "none" does not reach/);
  assert.match(remedies[0]?.text ?? '', /^Set jobs\.network/);
});

test('where all jobs are behind the wall, only their network counts', async (t) => {
  const config = '[jobs]\nnetwork = "none"\n[egress]\nmode = "enforce"\n';
  const doctor = await runDoctor(t, 'podman', { config });
  if (!doctor) return;
  const { status, found } = doctor.of('container');
  assert.equal(status, 'ok', doctor.text);
  assert.deepEqual(found.length, 1);
  assert.match(found[0] ?? '', /behind the wall called/);
});

test('settings with which no job can be behind the wall are named', async (t) => {
  const doctor = await runDoctor(t, 'docker', { config: '[jobs]\nno_new_privileges = false\n' });
  if (!doctor) return;
  const { status, found, remedies } = doctor.of('container');
  assert.equal(status, 'warning', doctor.text);
  assert.match(found[1] ?? '', /^no job with a limited network can run: .*jobs\.no_new_privileges is off/);
  assert.match(remedies[0]?.text ?? '', /^Set jobs\.no_new_privileges = true/);
  assert.deepEqual(doctor.of('credentials').found, ['there is no wall around jobs']);
  assert.equal(doctor.of('limits').status, 'ok');
});

test('a mounted folder with a socket of a program is named, as jobs behind the wall are refused', async (t) => {
  await using dir = await makeTempDir();
  await using undo = new AsyncDisposableStack();
  const server = createServer().listen(join(dir.path, 'live.sock'));
  undo.defer(() => void server.close());
  await once(server, 'listening');
  const jobs = `[jobs]\nmounts = ["${dir.path}:/a"]\n`;
  for (const [mode, expected] of [
    ['auto', 'warning'],
    ['enforce', 'failed'],
    ['off', 'ok'],
  ] as const) {
    const doctor = await runDoctor(t, 'podman', { args: ['--quick'], config: `${jobs}[egress]\nmode = "${mode}"\n` });
    if (!doctor) return;
    const { status, found, remedies } = doctor.of('given');
    assert.equal(status, expected, doctor.text);
    if (mode === 'off') continue;
    assert.match(found[0] ?? '', /^cannot limit the network of the job: .* has the socket .*live\.sock$/);
    assert.match(remedies[0]?.text ?? '', /^Remove ".*" from jobs\.mounts/);
  }
});

test('an authority that only the runner trusts is a failure', async (t) => {
  const doctor = await runDoctor(t, 'podman', { tls: true, config: '[jobs]\nnetwork = "host"\nca_file = ""\n' });
  if (!doctor) return;
  assert.equal(doctor.of('api').status, 'ok');
  const { status, found, remedies } = doctor.of('container');
  assert.equal(status, 'failed');
  assert.match(found[0] ?? '', /cannot call https:\S+: self-signed certificate/);
  assert.match(remedies[0]?.text ?? '', /Set jobs\.ca_file/);
});

test('an engine that responds and can start no container is a failure', async (t) => {
  const doctor = await runDoctor(t, 'docker', { config: '[jobs]\nnetwork = "no-such-network"\n' });
  if (!doctor) return;
  assert.equal(doctor.of('runtime').status, 'ok');
  const { status, found } = doctor.of('container');
  assert.equal(status, 'failed');
  assert.match(found[0] ?? '', /cannot start a container as for a job: .*no-such-network/);
});

test('a docker that is podman is named, and podman suggested', async (t) => {
  if (!(await requires(t, 'podman'))) return;
  await using dir = await makeTempDir();
  const bin = join(dir.path, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'docker'), '#!/bin/sh\nexec podman "$@"\n');
  await chmod(join(bin, 'docker'), 0o755);
  const doctor = await runDoctor(t, 'docker', {
    args: ['--quick'],
    env: { PATH: `${bin}:${process.env['PATH']}`, ...(await requires(t, 'podman'))?.podman.env },
  });
  if (!doctor) return;
  const { status, found, remedies } = doctor.of('runtime');
  assert.equal(status, 'failed');
  assert.match(found[0] ?? '', /^docker is not ready: the command docker runs podman version \d/);
  assert.match(remedies[0]?.text ?? '', /Set runner\.runtime to "podman"/);
  assert.ok(!doctor.text.includes('undefined'));
});

/** Tasks whose environment names hosts, from the server to the agent behind the wall and back. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { makeSampleImage } from '../examples/sample-agent/image.ts';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { parseAs } from './support/json-schemas.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { ServerProcess } from './support/server-process.ts';
import { makeTempDir } from './support/temp-dir.ts';

const plan42 = join(import.meta.dirname, '../bin/plan42');
const agent = join(import.meta.dirname, '../dist/js/plan42-sample-agent.mjs');
const sampleImage = 'localhost/plan42-sample-agent:egress-test';
const execute = promisify(execFile);
// Their addresses are those of documentation, which no name may have.
const env = {
  NODE_EXTRA_CA_CERTS: undefined,
  HTTPS_PROXY: '',
  HTTP_PROXY: '',
  https_proxy: '',
  http_proxy: '',
  ALL_PROXY: '',
};

interface Setting extends AsyncDisposable {
  runner: RunnerProcess;
  /** Runs a task to its end; returns what is printed. */
  runTask: (image: string, prompt: string) => Promise<string>;
  plan42: (...args: string[]) => Promise<string>;
  image: string;
}

async function setUp(t: TestContext, name: 'podman' | 'docker'): Promise<Setting | undefined> {
  const engines = await requires(t, name, 'registry');
  if (!engines) return undefined;
  const { env: engineEnv } = engines[name];
  await using undo = new AsyncDisposableStack();
  const dir = undo.use(await makeTempDir());
  const folder = join(dir.path, 'image');
  await mkdir(folder);
  await makeSampleImage({ engine: name, name: sampleImage, agent, folder, env: { ...process.env, ...engineEnv } });
  undo.defer(async () => void (await run(name, ['rmi', '--force', sampleImage], { env: engineEnv })));
  const data = join(dir.path, 'data');
  const server = undo.use(await ServerProcess.start(data, 0, []));
  const command = async (...args: string[]) => {
    const result = await execute(plan42, args).catch((error: { stdout: string; stderr: string }) => error);
    return result.stdout + result.stderr;
  };
  const token = (await command('server', 'token', 'create', '--data', data)).split('\n')[0] ?? '';
  const config = `[images]\npull_policy = "if-not-present"\n`;
  const options = { url: server.url, token: token.trim(), runtime: name, config, env: { ...engineEnv, ...env } };
  const runner = undo.use(await RunnerProcess.start(options));
  await runner.ready();
  const owned = undo.move();
  let count = 0;
  return {
    runner,
    plan42: command,
    image: engines.images.agent,
    runTask: async (image, prompt) => {
      count += 1;
      const environment = `walled-${count}`;
      const create = ['server', 'environment', 'create', environment, '--data', data, '--image', image];
      await command(...create, '--host', 'allowed.invalid', '--host', 'npm');
      return command(
        'server',
        'task',
        'create',
        '--data',
        data,
        '--environment',
        environment,
        '--title',
        'walled',
        '--prompt',
        prompt,
        '--follow',
      );
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

// A carriage return becomes the escape of it that sed reads. The programs of the image have no resolver.
const lines = 'echo GET http://evil.invalid/ HTTP/1.1; echo Host: evil.invalid; echo Connection: close; echo';
const request = `@@(${lines}) | sed 's/$/\r/' | busybox nc 127.0.0.1 7043; echo after it; exit 3@@`;

for (const name of ['podman', 'docker'] as const) {
  suite(name, () => {
    test('an agent behind the wall reaches its server, and its turn says which host was refused', async (t) => {
      await using setting = await setUp(t, name);
      if (!setting) return;
      const done = await setting.runTask(sampleImage, 'Say hello.');
      assert.match(done, /^Your prompt has 2 words[\s\S]*^\[turn 1\] Completed$/m, setting.runner.log);
      const state = ['--state-dir', join(setting.runner.folder, 'state')];
      const [jobId = ''] =
        /plan42-[\da-f-]{36}-1/.exec(await setting.plan42('runner', 'job', 'list', '-a', ...state)) ?? [];
      const report = parseAs(
        'runner-job-egress.json',
        await setting.plan42('runner', 'job', 'egress', jobId, '--json', ...state),
      );
      assert.deepEqual(
        report.hosts.map(({ host, verdict, rule }: Record<string, unknown>) => [host, verdict, rule]),
        [['plan42.internal', 'allowed', 'the Plan42 server']],
      );
      assert.ok(report.hosts[0].sentBytes > 0 && report.hosts[0].receivedBytes > 0);

      const failed = await setting.runTask(setting.image, request);
      assert.match(
        failed,
        /ended with exit code 3 without finishing its turn\. The network of the job refused evil\.invalid:80: no entry allows this host\. If agents may reach it, add "evil\.invalid" to AllowedHosts/,
      );
      // A line of the turn's log, which the agent did not write.
      assert.match(failed, /^plan42: network: refused evil\.invalid:80: no entry allows this host\. If agents/m);
      const [failedJob = ''] = /plan42-[\da-f-]{36}-1/.exec(failed) ?? [];
      const log = await setting.plan42('runner', 'job', 'logs', failedJob, ...state);
      // While the agent runs, and before it gets the answer.
      assert.match(
        log,
        /^plan42: network: refused evil\.invalid:80: no entry allows this host[^\n]*\n[\s\S]*^after it$/m,
      );
      // Not again when the job ends.
      assert.doesNotMatch(log.slice(log.indexOf('after it')), /refused/);
    });
  });
}

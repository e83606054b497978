/** The environment of agents on each runtime: additional certificate authorities, and nothing else of the runner. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { after, before, suite, type TestContext, test } from 'node:test';
import { parseConfig } from '../src/config/parse.ts';
import { UserError } from '../src/lib/errors.ts';
import { createRuntime } from '../src/runtimes/select.ts';
import { busyboxLayer, programLayer, wrapperLayer } from './support/engines/images.ts';
import { run } from './support/engines/processes.ts';
import { pushImage } from './support/engines/push-image.ts';
import { requires } from './support/engines-client.ts';
import { makeJobFolder } from './support/job-folder.ts';
import { makeTempDir, type TempDir } from './support/temp-dir.ts';
import { tlsPair } from './support/tls-pair.ts';

const runtimeNames = ['podman', 'docker', 'host'] as const;
type Name = (typeof runtimeNames)[number];

let dir: TempDir;
const tlsServer = createServer(tlsPair, (_request, response) => response.end('trusted'));
let url: string;
let image: Promise<string> | undefined;

// As in a service.
process.umask(0o077);

before(async () => {
  dir = await makeTempDir();
  await new Promise<void>((resolve) => tlsServer.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(tlsServer.address() as AddressInfo).port}/`;
  await writeFile(join(dir.path, 'authority.pem'), tlsPair.key + tlsPair.cert, { mode: 0o600 });
});
after(async () => {
  tlsServer.close();
  await dir[Symbol.asyncDispose]();
});

/** An agent with curl, in an image that has variables of its own. */
async function pushCurlImage(registry: string): Promise<string> {
  const curl = (await run('sh', ['-c', 'command -v curl'])).trim();
  const layers = await Promise.all([busyboxLayer(dir.path), wrapperLayer(dir.path), programLayer(dir.path, [curl])]);
  const env = ['HTTP_PROXY=http://image.example', 'FROM_CONF=of image', 'OWN=of image'];
  return pushImage({ registry, repository: 'test/curl', tag: 'v1', layers, env, signal: AbortSignal.timeout(60_000) });
}

interface Given {
  commands: string;
  jobs?: string;
  env?: NodeJS.ProcessEnv;
}

/** Runs one job to its end. Undefined if the engine is missing. */
async function runJob(t: TestContext, name: Name, { commands, jobs = '', env = {} }: Given) {
  const engines = name === 'host' ? undefined : await requires(t, name, 'registry');
  if (name !== 'host' && !engines) return undefined;
  if (engines) image ??= pushCurlImage(engines.registry);
  await using folder = await makeJobFolder(JSON.stringify({ Prompt: `@@${commands}@@` }));
  const file = `[jobs]\nnetwork = "host"\n${jobs}\n[host]\nunisolated = true\ncommand = ["/bin/sh", "-c", ${JSON.stringify(commands)}]\n`;
  const { config } = parseConfig({ file, env: {}, flags: new Map() });
  const ofEngine = (engines as Record<string, { env?: NodeJS.ProcessEnv } | undefined> | undefined)?.[name]?.env;
  const runtime = createRuntime(name, {
    config,
    env: { PATH: process.env['PATH'], HOME: dir.path, ...ofEngine, ...env },
    instanceId: 'test',
    knownJobs: async () => [],
  });
  const job = { ...folder, jobId: `plan42-${crypto.randomUUID()}-1`, image: (await image) ?? 'none' };
  await runtime.pull(job.image, 'if-not-present');
  try {
    await runtime.start(job);
    const { exitCode } = await runtime.wait(job);
    return { exitCode, log: await folder.readLog() };
  } finally {
    await runtime.remove(job);
  }
}

/** The variables that the agent printed with `env`. */
const variablesIn = (log: string) =>
  Object.fromEntries([...log.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]));

const callServer = 'curl -sS "$URL"';

for (const name of runtimeNames) {
  suite(name, () => {
    const caFile = () => `ca_file = "${join(dir.path, 'authority.pem')}"`;
    const call = () => callServer.replace('$URL', url);

    test('an agent trusts the authorities of jobs.ca_file, and public ones as before', async (t) => {
      const files =
        'grep -c BEGIN "$NODE_EXTRA_CA_CERTS" "$SSL_CERT_FILE"; grep -c "PRIVATE KEY" "$NODE_EXTRA_CA_CERTS"; stat -c %a "$SSL_CERT_FILE"';
      const job = await runJob(t, name, { commands: `${call()} && echo && env && ${files}; true`, jobs: caFile() });
      if (!job) return;
      assert.match(job.log, /^trusted$/m);
      const variables = variablesIn(job.log);
      const bundle = variables['SSL_CERT_FILE'];
      assert.ok(bundle);
      for (const each of ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'GIT_SSL_CAINFO'])
        assert.equal(variables[each], bundle);
      const counts = [...job.log.matchAll(/^\/\S+pem:(\d+)$/gm)].map(([, count]) => Number(count));
      assert.equal(counts[0], 1);
      assert.ok((counts[1] ?? 0) > 50, `${counts[1]} authorities`);
      assert.match(job.log, /^644$/m, 'for an image with another user than root');
      assert.match(job.log, /^0$/m, 'the private key in the file stays with the runner');
    });

    test('without the setting, an agent has no such variables', async (t) => {
      const job = await runJob(t, name, { commands: `env; ${call()}` });
      if (!job) return;
      // The certificate is not trusted, or the image has no authorities at all.
      assert.ok(job.exitCode === 60 || job.exitCode === 77, job.log);
      assert.ok(!/CERT|CA_BUNDLE|CAINFO/.test(Object.keys(variablesIn(job.log)).join()));
    });

    test('a file that cannot be read refuses the job, with a remedy', async (t) => {
      if (name !== 'host' && !(await requires(t, name, 'registry'))) return;
      const refused = runJob(t, name, { commands: 'true', jobs: 'ca_file = "/does/not/exist.pem"' });
      await assert.rejects(refused, (error: unknown) => {
        assert.ok(error instanceof UserError);
        assert.match(`${error.message}: ${error.remedy}`, /cannot read the CA file .*: Set jobs\.ca_file to a PEM/);
        return true;
      });
    });

    test('an agent gets nothing else of the runner’s environment', async (t) => {
      const secrets = {
        https_proxy: 'http://user:secret@proxy.example',
        ALL_PROXY: 'http://user:secret@proxy.example',
        AWS_SECRET_ACCESS_KEY: 'secret',
        NODE_OPTIONS: '--no-warnings',
        PLAN42_RUNNER_TOKEN: 'secret',
        FROM_ENV: 'secret',
      };
      const env = { LANG: 'C.UTF-8', ...secrets, ...(await leakyConfiguration(t, name)) };
      const job = await runJob(t, name, { commands: 'env', env });
      if (!job) return;
      assert.ok(!job.log.includes('secret'), job.log);
      const names = Object.keys(variablesIn(job.log)).filter((each) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(each));
      const ofImage = ['FROM_CONF', 'HTTP_PROXY', 'OWN'];
      const expected = {
        podman: [...ofImage, 'HOME', 'HOSTNAME', 'PATH', 'REQUEST', 'TERM', 'container'],
        docker: [...ofImage, 'HOME', 'HOSTNAME', 'PATH', 'REQUEST'],
        host: ['HOME', 'LANG', 'PATH', 'PLAN42_JOB_ID', 'TMPDIR'],
      };
      assert.deepEqual(names.toSorted(), expected[name].toSorted());
      if (name === 'host') return;
      const { HTTP_PROXY, FROM_CONF } = variablesIn(job.log);
      assert.deepEqual([HTTP_PROXY, FROM_CONF], ['http://image.example', 'of image'], 'variables of the image stay');
    });
  });
}

/** An engine that is configured to pass variables to every container. */
async function leakyConfiguration(t: TestContext, name: Name): Promise<NodeJS.ProcessEnv> {
  if (name === 'docker') {
    const folder = join(dir.path, 'docker-config');
    await mkdir(folder, { recursive: true });
    const proxy = 'http://user:secret@proxy.example';
    const proxies = {
      default: { httpProxy: proxy, httpsProxy: proxy, ftpProxy: proxy, allProxy: proxy, noProxy: 'secret' },
    };
    await writeFile(join(folder, 'config.json'), JSON.stringify({ proxies }));
    return { DOCKER_CONFIG: folder };
  }
  const found = name === 'podman' && (await requires(t, 'podman'));
  if (!found) return {};
  const file = join(dir.path, 'containers.conf');
  const conf = await run('cat', [found.podman.env['CONTAINERS_CONF'] ?? '']);
  const leaks = 'env = ["FROM_CONF=secret", "FROM_ENV", "MORE=secret"]\nenv_host = true\nhttp_proxy = true\n';
  await writeFile(file, conf.replace('[containers]\n', `[containers]\n${leaks}`));
  return { CONTAINERS_CONF: file };
}

test('a docker on another machine gets a copy of the authorities', async (t) => {
  const engines = await requires(t, 'docker', 'registry');
  if (!engines) return;
  const socket = (engines.docker.env['DOCKER_HOST'] ?? '').replace('unix://', '');
  // The engine is the same, but its address could be that of another machine.
  const relay = createTcpServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: socket, allowHalfOpen: true });
    for (const stream of [client, engine]) stream.on('error', () => {});
    client.pipe(engine).pipe(client);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const env = { DOCKER_HOST: `tcp://127.0.0.1:${(relay.address() as AddressInfo).port}` };
  try {
    const jobs = `ca_file = "${join(dir.path, 'authority.pem')}"`;
    const commands = `${callServer.replace('$URL', url)}; grep /etc/plan42/ca /proc/mounts`;
    for (let i = 0; i < 2; i += 1) {
      const job = await runJob(t, 'docker', { commands, jobs, env });
      assert.match(job?.log ?? '', /^trusted.*\/etc\/plan42\/ca \S+ ro/ms);
    }
    const volumes = await run('docker', ['volume', 'ls', '--quiet', '--filter', 'label=ai.plan42.instance=test'], {
      env,
    });
    assert.match(volumes, /^plan42-ca-[0-9a-f]{16}\n$/);
    await run('docker', ['volume', 'rm', volumes.trim()], { env });
  } finally {
    relay.close();
  }
});

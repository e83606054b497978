/** Output that cannot be written never ends, blocks or slows a program. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { type Breakage, makeBreakableOutput } from './support/breakable-output.ts';
import { callServer } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import type { Json } from './support/json.ts';
import { makeTempDir } from './support/temp-dir.ts';

const bin = join(import.meta.dirname, '../bin');
const breakages: readonly Breakage[] = ['closed', 'full', 'unread'];
const phases = ['start', 'ready', 'job accepted', 'drain'] as const;

suite('output that cannot be written', { timeout: 600_000, concurrency: 3 }, () => {
  for (const breakage of breakages) {
    for (const phase of phases) {
      test(`runner and server: ${breakage} from phase "${phase}"`, async (t) => {
        if (breakage === 'full' && !canMount(t)) return;
        await using output = await makeBreakableOutput(breakage);
        await using dir = await makeTempDir();
        const breakIn = async (current: (typeof phases)[number]) => {
          if (current === phase) await output.break();
        };

        await breakIn('start');
        await using server = await startServer(dir.path, output.fd);
        await using runner = await startRunner(dir.path, server, output.fd);
        await breakIn('ready');
        await server.startTask();
        await server.startTask();
        const serviceLog = () => readFile(join(dir.path, 'state/logs/runner.log'), 'utf8');
        await eventually(async () => (await serviceLog()).match(/ job started /g)?.length === 2);
        await breakIn('job accepted');
        const startedAt = performance.now();
        await server.ping();
        assert.ok(performance.now() - startedAt < 5000, 'the runner responds at once');
        await writeFile(join(dir.path, 'ticket'), '');
        await eventually(async () => (await server.statuses()).includes('Failed'));
        await breakIn('drain');
        runner.child.kill('SIGINT');
        assert.deepEqual(await exitOf(runner.child), [0, null]);
        assert.deepEqual(await server.queues(), []);
        assert.equal((await server.statuses()).filter((status) => status === 'Failed').length, 1);
        await writeFile(join(dir.path, 'ticket'), '');

        const log = await serviceLog();
        assert.match(log, /draining .*\n(.*\n)*.*runner stopped/);
        if (breakage !== 'unread') assert.match(log, / cannot write to standard error, dropping log lines error=/);
        server.child.kill('SIGINT');
        assert.deepEqual(await exitOf(server.child), [0, null]);
      });
    }
  }
});

function canMount(t: TestContext): boolean {
  if (process.platform === 'linux' && process.getuid?.() === 0) return true;
  t.skip('missing prerequisite: a small disk: only root can mount one');
  return false;
}

/** Until its output ends, a process holds the pipe. */
async function exitOf(child: ChildProcess): Promise<unknown[]> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return [child.exitCode, child.signalCode];
}

function start(name: string, args: readonly string[], fd: number): { child: ChildProcess } & AsyncDisposable {
  const child = spawn(join(bin, name), args, { stdio: ['ignore', fd, fd] });
  return {
    child,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exitOf(child);
    },
  };
}

async function startServer(folder: string, fd: number) {
  const data = join(folder, 'data');
  const started = start('plan42', ['server', 'start', '--listen', '127.0.0.1:0', '--data', data], fd);
  const admin = await eventually(async () => {
    assert.deepEqual([started.child.exitCode, started.child.signalCode], [null, null]);
    const text = await readFile(join(data, 'admin.json'), 'utf8').catch(() => undefined);
    return !text ? undefined : (JSON.parse(text) as Record<string, string>);
  });
  const { url = '', tenantId, runnerId, tenantToken = '' } = admin;
  const tenant = `/v1/tenants/${tenantId}`;
  const runner = `${tenant}/runners/${runnerId}`;
  const call = async (method: string, path: string, body?: object): Promise<Json> => {
    const answer = await callServer(url, method, path, { token: tenantToken, ...(body && { body }) });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.body.Message}`);
    return answer.body;
  };
  const tasks: string[] = [];
  const search = new URLSearchParams({ tenantID: tenantId ?? '', runnerID: runnerId ?? '', maxResults: '500' });
  const queues = async (): Promise<Json[]> => (await call('GET', `/v1/runner-queues?${search}`)).Items;
  return {
    ...started,
    url,
    newToken: async () => (await call('PUT', `${runner}/tokens/${crypto.randomUUID()}`, {})).Token,
    queues,
    startTask: async () => {
      const environment = { Name: 'environment', DockerImage: 'agent' };
      const { EnvironmentId } = await call('PUT', `${tenant}/environments/${crypto.randomUUID()}`, environment);
      const taskId = crypto.randomUUID();
      await call('PUT', `${tenant}/tasks/${taskId}`, { Title: 'title', Prompt: 'prompt', EnvironmentId });
      tasks.push(taskId);
    },
    statuses: async () =>
      Promise.all(tasks.map(async (id) => (await call('GET', `${tenant}/tasks/${id}/turns/last`)).Status)),
    ping: async () => call('POST', `${runner}/queues/${(await queues())[0]?.QueueID}/ping`),
  };
}

type Server = Awaited<ReturnType<typeof startServer>>;

// An agent that takes a ticket, and then exits without a report.
const agent = (folder: string) => `until rm "${folder}/ticket" 2>/dev/null; do sleep 0.05; done`;

async function startRunner(folder: string, server: Server, fd: number) {
  const file = join(folder, 'plan42-runner.toml');
  const text = `
[runner]
url = "${server.url}"
token = "${await server.newToken()}"
runtime = "host"
[host]
unisolated = true
command = ["/bin/sh", "-c", ${JSON.stringify(agent(folder))}]
[queues]
poll_wait = "1s"
drain_time = "300ms"
`;
  await writeFile(file, text, { mode: 0o600 });
  const args = ['-c', file, '--state-dir', join(folder, 'state'), '--log-level', 'debug'];
  const started = start('plan42-runner', args, fd);
  await eventually(async () => {
    assert.deepEqual([started.child.exitCode, started.child.signalCode], [null, null]);
    return (await server.queues()).length > 0;
  });
  return started;
}

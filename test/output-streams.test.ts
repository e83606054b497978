/**
 * Output that cannot be written never ends, blocks or slows a service. PLAN42_BLOCKED_SECONDS=60 blocks it for a minute, in all
 * phases at the same time.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { canMount, makeBlockableOutput, makeBreakableOutput } from './support/breakable-output.ts';
import { callServer } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import type { Json } from './support/json.ts';
import { residentMib } from './support/process-usage.ts';
import { makeTempDir } from './support/temp-dir.ts';

const bin = join(import.meta.dirname, '../bin');
const breakages = ['closed', 'full'] as const;
const blockages = ['unread', 'stopped'] as const;
const phases = ['start', 'ready', 'job accepted', 'reload', 'drain'] as const;
type Phase = (typeof phases)[number];
// 60 for a minute.
const blockedMs = 1000 * Number(process.env['PLAN42_BLOCKED_SECONDS'] ?? 1);
const maxGrowthMib = 64;

// All of them are blocked at the same time for a minute.
const concurrency = blockedMs < 10_000 ? 4 : blockages.length * phases.length;

suite('output that cannot be written', { timeout: 600_000, concurrency }, () => {
  for (const blockage of blockages) {
    for (const phase of phases) {
      test(`runner and server: ${blockage} in phase "${phase}"`, async () => {
        await using forServer = await makeBlockableOutput(blockage);
        await using forRunner = await makeBlockableOutput(blockage);
        const outputs = [forServer, forRunner];
        await using place = await makePlace();
        await runThrough(place, forServer.fd, forRunner.fd, {
          before: async (current) => {
            if (current === phase) for (const output of outputs) await output.break();
          },
          after: async (current, services) => {
            if (current !== phase) return;
            if (phase === 'ready') await logUntilLost(place, services);
            await holdBlocked(services);
            for (const output of outputs) output.mend();
          },
        });
        if (phase === 'drain') return;
        await eventually(async () => forServer.text().includes('Stopping the server.'));
        await eventually(async () => forRunner.text().includes(' runner stopped '));
        assert.match(forServer.text(), /^Plan42 server: http/m);
        const mayLose = phase === 'ready';
        requireAllLines(forServer.text(), await place.serverLog(), mayLose);
        requireAllLines(forRunner.text(), await place.serviceLog(), mayLose);
      });
    }
  }

  for (const breakage of breakages) {
    for (const phase of phases) {
      test(`runner and server: ${breakage} from phase "${phase}"`, async (t) => {
        if (breakage === 'full' && !canMount(t)) return;
        await using output = await makeBreakableOutput(breakage);
        await using place = await makePlace();
        await runThrough(place, output.fd, output.fd, {
          before: async (current) => {
            if (current === phase) await output.break();
          },
          after: async () => {},
        });
        for (const log of [await place.serviceLog(), await place.serverLog()])
          assert.match(log, / cannot write to standard error, dropping log lines error=/);
      });
    }
  }
});

interface Steps {
  before: (phase: Phase) => Promise<void>;
  /** Not called after the drain. */
  after: (phase: Phase, services: Services) => Promise<void>;
}

/** Everything that a runner and a server do in their lives works, whatever happens to their outputs. */
async function runThrough(place: Place, serverFd: number, runnerFd: number, { before, after }: Steps): Promise<void> {
  await before('start');
  await using server = await startServer(place, serverFd);
  await using runner = await startRunner(place, server, runnerFd);
  const services = { server, runner };
  await after('start', services);
  await before('ready');
  await server.startTask();
  await server.startTask();
  await eventually(async () => (await place.serviceLog()).match(/ job started /g)?.length === 2);
  await after('ready', services);
  await before('job accepted');
  await pingAtOnce(server);
  await place.finishJob();
  await eventually(async () => (await server.statuses()).includes('Failed'));
  await after('job accepted', services);
  await before('reload');
  for (const { child } of [runner, server]) child.kill('SIGHUP');
  await eventually(async () => (await place.serviceLog()).includes('configuration reloaded'));
  await eventually(async () => (await place.serverLog()).includes('nothing to reload, ignoring SIGHUP'));
  await after('reload', services);
  await before('drain');
  runner.child.kill('SIGINT');
  assert.deepEqual(await exitOf(runner.child), [0, null]);
  assert.deepEqual(await server.queues(), []);
  assert.equal((await server.statuses()).filter((status) => status === 'Failed').length, 1);
  await place.finishJob();
  assert.match(await place.serviceLog(), /draining .*\n(.*\n)*.*runner stopped/);
  server.child.kill('SIGINT');
  assert.deepEqual(await exitOf(server.child), [0, null]);
}

/** They respond at once and keep their memory while their outputs are blocked. */
async function holdBlocked({ server, runner }: Services): Promise<void> {
  const memory = () => Promise.all([server, runner].map(({ child }) => residentMib(child.pid ?? 0)));
  const before = await memory();
  const end = performance.now() + blockedMs;
  do {
    await pingAtOnce(server);
    await delay(100);
  } while (performance.now() < end);
  const after = await memory();
  for (const [i, mib] of before.entries())
    assert.ok((after[i] ?? 0) < mib + maxGrowthMib, `${before} MiB, then ${after}`);
}

/** Both log more than they buffer. */
async function logUntilLost({ folder, serverLog, serviceLog }: Place, { server }: Services): Promise<void> {
  const long = 'x'.repeat(4000);
  const unknownSettings = Array.from({ length: 100 }, (_, i) => `${long}${i} = 1\n`).join('');
  await appendFile(join(folder, 'plan42-runner.toml'), unknownSettings);
  await Promise.all(Array.from({ length: 100 }, (_, i) => callServer(server.url, 'GET', `/${long}${i}`, {})));
  const lost = ' cannot write to standard error, dropping log lines error=';
  await eventually(async () => (await Promise.all([serverLog(), serviceLog()])).every((log) => log.includes(lost)));
}

async function pingAtOnce(server: Server): Promise<void> {
  const startedAt = performance.now();
  await server.ping();
  assert.ok(performance.now() - startedAt < 5000, 'the runner responds at once');
}

/** Each line of the log file was shown, or is counted as lost. */
function requireAllLines(shown: string, log: string, mayLose: boolean): void {
  const count = (text: string) => text.match(/^\d{4}-\S+Z [A-Z]{4,5} /gm)?.length ?? 0;
  const lost = [...log.matchAll(/log lines missing on standard error count=(\d+)/g)].map(([, lines]) => Number(lines));
  assert.equal(lost.length > 0, mayLose);
  assert.equal(count(shown) + lost.reduce((sum, lines) => sum + lines, 0), count(log));
}

/** Until its output ends, a process holds the pipe. */
async function exitOf(child: ChildProcess): Promise<unknown[]> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return [child.exitCode, child.signalCode];
}

interface Service extends AsyncDisposable {
  child: ChildProcess;
}

function start(name: string, args: readonly string[], fd: number): Service {
  const child = spawn(join(bin, name), args, { stdio: ['ignore', fd, fd] });
  return {
    child,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exitOf(child);
    },
  };
}

interface Services {
  server: Server;
  runner: Service;
}

type Place = Awaited<ReturnType<typeof makePlace>>;

/** A folder for a server and its runner. */
async function makePlace() {
  const dir = await makeTempDir();
  const read = (name: string) => readFile(join(dir.path, name), 'utf8');
  return {
    folder: dir.path,
    serviceLog: () => read('state/logs/runner.log'),
    serverLog: () => read('logs/server.log'),
    /** Lets one of the agents exit. */
    finishJob: () => writeFile(join(dir.path, 'ticket'), ''),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

async function startServer({ folder }: Place, fd: number) {
  const data = join(folder, 'data');
  const log = ['--log-level', 'debug', '--log-file', join(folder, 'logs/server.log')];
  const started = start('plan42', ['server', 'start', '--listen', '127.0.0.1:0', '--data', data, ...log], fd);
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
const agent = (folder: string) =>
  `until rm "${folder}/ticket" 2>/dev/null || ! [ -d "${folder}" ]; do sleep 0.05; done`;

async function startRunner({ folder }: Place, server: Server, fd: number) {
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

/**
 * Everything around a job behind the wall fails while it runs: its gateway, the policy, the engine. Nothing gets out meanwhile.
 * Then the job is online again, or ends as documented, with nothing left.
 */
import assert from 'node:assert/strict';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { exists } from '../src/lib/files.ts';
import { commandLine, listProcesses, signalAll } from '../src/lib/processes.ts';
import { startDocker } from './support/engines/docker.ts';
import { makeEnginesDir, removeEnginesDir } from './support/engines/folder.ts';
import { type Env, startDaemon, untilReady } from './support/engines/processes.ts';
import { engines } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { makeTempDir } from './support/temp-dir.ts';
import type { JobEnd } from './support/wall/job-process.ts';
import { type Hit, outside, startMachine } from './support/wall/machine.ts';
import { type EngineName, engineNames, prepareEngine, type WalledJob } from './support/wall/walled-job.ts';
import { compileWays } from './support/wall/ways/compile-ways.ts';
import { askForbidden, openPolicy } from './support/wall/ways/through-gateway.ts';
import { w } from './support/wall/ways/way.ts';

/** Tries to get out, past the gateway and by it, and asks for the allowed host, until it may end. */
const script = `
request='GET http://allowed.test/ HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: close\\r\\n\\r\\n'
while ! test -e /given/end; do
  { printf "$request"; sleep 0.2; } | nc -w 3 127.0.0.1 7043 >/tmp/answer
  if grep -q reached /tmp/answer; then echo online; else echo offline; fi
  ${w} tcp ${outside.forbidden} 443 && echo escaped
  ${askForbidden(w, '/plan42-wall/gateway.sock')} && echo escaped
done
exit 5
`;

interface Running extends AsyncDisposable {
  job: WalledJob;
  end: Promise<JobEnd | undefined>;
  /** Resolves when the job has seen this state again, twice. */
  becomes: (state: 'online' | 'offline') => Promise<void>;
  finish: () => Promise<unknown>;
  /** Starts a program of the machine that listens on a socket. */
  openSocket: (path: string) => Promise<AsyncDisposable>;
}

async function startRunning(t: TestContext, name: EngineName, docker?: { env: Env }): Promise<Running | undefined> {
  const available = await engines();
  const { images } = available;
  if (!images || !(name === 'docker' ? available.docker : available.podman)) {
    t.skip(`missing prerequisite: ${name}`);
    return undefined;
  }
  await using undo = new AsyncDisposableStack();
  const dir = undo.use(await makeTempDir());
  const machine = undo.use(await startMachine(AbortSignal.timeout(30_000)));
  const ways = await compileWays(dir.path);
  const engine = undo.use(
    await prepareEngine(name, machine, { ...available, images, ...(docker && { docker }) }, ways),
  );
  const job = await engine.makeJob(script);
  const runner = job.startRunner();
  let isOver = false;
  const end = runner.end.finally(() => (isOver = true));
  undo.defer(async () => {
    if (!isOver) await writeFile(join(job.given, 'end'), '');
    await end;
  });
  const count = async (state: string) => (await job.log()).split(state).length;
  const becomes = async (state: 'online' | 'offline') => {
    const before = await count(state);
    // The first can be the answer to an earlier request.
    await eventually(async () => isOver || (await count(state)) >= before + 2);
    assert.equal(isOver, false, await job.log());
  };
  await becomes('online');
  const owned = undo.move();
  return {
    job,
    end,
    becomes,
    finish: async () => {
      await writeFile(join(job.given, 'end'), '');
      return end;
    },
    openSocket: async (path) => {
      const listen = 'require("node:net").createServer().listen(process.argv[1])';
      const [enter = '', ...args] = machine.command([process.execPath, '-e', listen, path]);
      const program = await startDaemon(enter, args, { logFile: join(dir.path, 'program.log') });
      await untilReady(program, async () => assert.ok(await exists(path)), { signal: AbortSignal.timeout(30_000) });
      return program;
    },
    /** Whatever happened, nothing got out, and nothing is left. */
    [Symbol.asyncDispose]: async () => {
      await owned.disposeAsync();
      assert.doesNotMatch(await job.log(), /escaped/);
      assert.deepEqual(machine.hits.filter(isEscape), []);
      assert.deepEqual(await processesWith(` ${job.egressFolder} `), []);
      assert.equal(await exists(job.egressFolder), false);
    },
  };
}

const isEscape = ({ address, port }: Hit) => address !== outside.allowed || port !== 80;

async function processesWith(text: string): Promise<{ pid: number; line: string }[]> {
  const all = (await listProcesses()).map(async ({ pid }) => ({ pid, line: await commandLine(pid).catch(() => '') }));
  return (await Promise.all(all)).filter(({ line }) => line.includes(text));
}

async function killGateway({ egressFolder }: WalledJob): Promise<void> {
  const all = await processesWith(` ${egressFolder} `);
  const gateways = all.filter(({ line }) => !line.includes('plan42-companion'));
  signalAll(gateways, 'SIGKILL');
}

const policyOf = ({ egressFolder }: WalledJob) => join(egressFolder, 'policy.json');

/** A gateway reads its policy when it starts. Until it has one that it understands, it has no socket. */
const damages: Readonly<Record<string, (policy: string, text: string) => Promise<void>>> = {
  'without a policy': (policy) => rm(policy),
  'with half of a policy': (policy, text) => writeFile(policy, text.slice(0, text.length / 2)),
  'with garbage for a policy': (policy) => writeFile(policy, '\0\0\0garbage'),
  'with a policy of another version': (policy) =>
    writeFile(policy, JSON.stringify({ ...openPolicy, version: 2, mode: 'off' })),
};

suite('the gateway', { concurrency: 3 }, () => {
  for (const name of engineNames)
    test(`${name}: a gateway has nothing but its policy: without a whole one, the job is offline`, async (t) => {
      await using running = await startRunning(t, name);
      if (!running) return;
      const { job, becomes } = running;
      const text = await readFile(policyOf(job), 'utf8');
      for (const damage of Object.values(damages)) {
        await damage(policyOf(job), text);
        await killGateway(job);
        const before = await failedStarts(job);
        // The last start but one may have read what was there before.
        await eventually(async () => (await failedStarts(job)) >= before + 2);
      }
      await becomes('offline');
      await writeFile(`${policyOf(job)}.new`, text);
      await rename(`${policyOf(job)}.new`, policyOf(job));
      await becomes('online');
      assert.deepEqual(await running.finish(), { exitCode: 5 });
    });
});

suite('a mounted folder', { concurrency: 3 }, () => {
  for (const name of engineNames)
    test(`${name}: a job ends when a program of the machine opens a socket in it`, async (t) => {
      await using running = await startRunning(t, name);
      if (!running) return;
      const { job } = running;
      await using _program = await running.openSocket(join(job.given, 'late.sock'));
      const end = await running.end;
      assert.match(JSON.stringify(end), /"stopped":.*late\.sock.*Remove/);
    });
});

async function failedStarts({ egressFolder }: WalledJob): Promise<number> {
  return (await readFile(join(egressFolder, 'companion.log'), 'utf8')).split('cannot start').length;
}

suite('the engine', { concurrency: 2 }, () => {
  test('docker’s daemon is killed and restarted, with live-restore: the job goes on', async (t) => {
    await using docker = await startOwnDocker(t, true);
    if (!docker) return;
    await using running = await startRunning(t, 'docker', docker);
    if (!running) return;
    await docker.stopDaemon('SIGKILL');
    await docker.startDaemon();
    // The job's log goes on when the daemon is back. It shows what was tried meanwhile, too.
    await running.becomes('online');
    assert.deepEqual(await running.finish(), { exitCode: 5 });
  });

  test('docker’s daemon is restarted without live-restore: the job ends with its wall', async (t) => {
    await using docker = await startOwnDocker(t, false);
    if (!docker) return;
    await using running = await startRunning(t, 'docker', docker);
    if (!running) return;
    await docker.stopDaemon('SIGTERM');
    await docker.startDaemon();
    const end = await running.end;
    assert.ok(end && 'exitCode' in end && end.exitCode !== 5, JSON.stringify(end));
  });

  for (const name of ['podman', 'rootless podman'] as const)
    test(`${name} has no daemon: a job whose monitor (conmon) is killed goes on behind its wall`, async (t) => {
      await using running = await startRunning(t, name);
      if (!running) return;
      const monitors = await processesWith(` -n ${running.job.jobId} `);
      assert.ok(monitors.some(({ line }) => line.includes('conmon')));
      for (const { pid, line } of monitors) if (line.includes('conmon')) process.kill(pid, 'SIGKILL');
      await running.becomes('online');
      const end = await running.finish();
      assert.match(JSON.stringify(end), /"unseenBecause":".*conmon/);
      assert.deepEqual(await processesWith(running.job.given), []);
    });
});

async function startOwnDocker(t: TestContext, liveRestore: boolean) {
  if (!(await engines()).docker) {
    t.skip('missing prerequisite: docker');
    return undefined;
  }
  await using undo = new AsyncDisposableStack();
  const dir = await makeEnginesDir();
  undo.defer(() => removeEnginesDir(dir));
  const docker = undo.use(await startDocker({ dir, signal: AbortSignal.timeout(60_000), liveRestore }));
  const owned = undo.move();
  return { ...docker, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

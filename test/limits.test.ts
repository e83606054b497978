/** Jobs that reach a limit, on every runtime, with and without a runner. */
import assert from 'node:assert/strict';
import { readFile, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { agentPaths, readReached, type WardenTask } from '../src/limits/files.ts';
import { startWarden, stopWarden } from '../src/limits/warden-process.ts';
import { agentLimitsFolder } from '../src/runtimes/runtime.ts';
import { startControlPlane, type TestControlPlane } from './support/control-plane.ts';
import { setUpEngineJob } from './support/engine-job.ts';
import { run } from './support/engines/processes.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, untilOver } from './support/tasks.ts';
import { rootlessPodman } from './support/wall/rootless.ts';

/** More than any delay of a busy machine, and far less than the rest of the job. */
const slackMs = 30_000;

async function startLimited(plane: TestControlPlane, variables: Record<string, string>): Promise<string> {
  const EnvVars = Object.entries(variables).map(([Name, Value]) => ({ Name, Value, IsSecret: false }));
  const EnvironmentId = await plane.newEnvironment({ DockerImage: 'example/agent', EnvVars });
  return plane.newTask({ EnvironmentId, Prompt: 'run' });
}

suite('host', () => {
  const config = (command: string, more = '') =>
    `[host]\nunisolated = true\ncommand = ["/bin/sh", "-c", ${JSON.stringify(command)}]\n[limits]\nwrap_up = "1s"\n${more}`;

  test('a limit is held while the runner is down, and the turn says which one', async () => {
    await using plane = await startControlPlane();
    const command = `cat "$PLAN42_LIMITS"; while :; do sleep 0.1; done`;
    const options = {
      url: plane.server.url,
      token: await plane.newToken(),
      runtime: 'host',
      config: config(command, 'max_duration = "1h"\n'),
    } as const;
    const first = await RunnerProcess.start(options);
    await first.ready();
    const taskId = await startLimited(plane, { PLAN42_LIMITS_MAX_DURATION: '3s' });
    await first.logged(/job started/);
    assert.equal(await first.stop('SIGKILL'), 'SIGKILL');
    const folder = join(first.folder, 'state/jobs/active', jobIdOf(taskId));
    await eventually(async () => (await readReached({ folder })) !== undefined, slackMs);
    await using second = await RunnerProcess.start({ ...options, folder: first.folder });
    const { turn } = await untilOver(plane, taskId);
    assert.match(
      turn.ErrorMessage,
      /^The agent was stopped at a limit: it ran for [3-9]\.\d s, and limits\.max_duration is 3\.0 s\. Its log is on /,
    );
    const log = await second.jobLog(jobIdOf(taskId));
    assert.match(
      log,
      /^\{"version":1,"limits":\[\{"limit":"max_duration","unit":"seconds","allowed":3,"used":null\}\]/,
    );
    assert.match(
      log,
      /^plan42: limits: limit reached: .* limits\.max_duration is 3\.0 s; SIGTERM now, SIGKILL in 1 s$/m,
    );
  });

  test('a silent job ends, a busy one and one with output do not', async () => {
    await using plane = await startControlPlane();
    // Its own process works, or prints, for the first seconds.
    const command = `end=$(($(date +%s) + 5)); while [ $(date +%s) -lt $end ]; do :; done; exec sleep 600`;
    const token = await plane.newToken();
    await using runner = await RunnerProcess.start({
      url: plane.server.url,
      token,
      runtime: 'host',
      config: config(command),
    });
    await runner.ready();
    const taskId = await startLimited(plane, { PLAN42_LIMITS_IDLE_TIMEOUT: '2s' });
    const { turn } = await untilOver(plane, taskId);
    assert.match(
      turn.ErrorMessage,
      /no output, network traffic or processor use for \S+ s, and limits\.idle_timeout is 2\.0 s/,
    );
    const seconds = (Date.parse(turn.CompletedAt) - Date.parse(turn.CreatedAt)) / 1000;
    assert.ok(seconds >= 6, `it ended while it worked: after ${seconds} s`);
    await runner.logged(/job ended at limit/);
  });

  test('a limit that cannot be held refuses the job', async () => {
    await using plane = await startControlPlane();
    const token = await plane.newToken();
    await using runner = await RunnerProcess.start({
      url: plane.server.url,
      token,
      runtime: 'host',
      config: config('exit 0'),
    });
    await runner.ready();
    const { turn } = await untilOver(plane, await startLimited(plane, { PLAN42_LIMITS_DISK_GIB: '1' }));
    assert.match(
      turn.ErrorMessage,
      /cannot hold limits\.disk_gib: jobs on the host share its disk\. Remove limits\.disk_gib/,
    );
  });
});

suite('rootless podman', () => {
  const mib = 2 ** 20;
  for (const [what, write] of [
    ['in its layer', 'dd if=/dev/zero of=/big bs=1048576 count=200'],
    ['that it has deleted and holds open', 'exec 3>/gone; rm /gone; dd if=/dev/zero bs=1048576 count=200 >&3'],
    // A user of the container whom the user of the runner cannot read for.
    [
      'of another user of the container',
      'mkdir -m 700 /own; dd if=/dev/zero of=/own/big bs=1048576 count=200; chown -R 1234 /own',
    ],
  ] as const) {
    test(`a job ends at disk_gib by files ${what}, and its space is free again`, async (t) => {
      const available = await requires(t, 'podman', 'registry');
      if (!available) return;
      const podman = await rootlessPodman(available);
      const limits = { disk_gib: 120 * mib };
      const end = await podman.runJob(`${write}; sleep 600`, { limits });
      assert.ok(!('refused' in end), JSON.stringify(end));
      assert.deepEqual([end.exitCode, end.reached?.limit], [137, 'disk_gib'], end.log);
      const used = end.reached?.used ?? 0;
      assert.ok(used >= 120 * mib && used < 260 * mib, `${used}`);
      assert.match(
        end.log,
        /^plan42: limits: limit reached: it used \d+ MiB of disk space, and limits\.disk_gib is 120 MiB/m,
      );
      const { command, env } = podman.command('system', 'df', '--format', '{{.Type}}: {{.Size}}');
      assert.match(await run('env', command, { env }), /^Containers: 0B$/m);
    });
  }
});

/** PLAN42_TEST_DISK_MIB=1024 is the thorough test, which needs a disk of its own. */
const diskMib = Number(process.env['PLAN42_TEST_DISK_MIB'] || 100);

for (const name of ['podman', 'docker'] as const) {
  suite(name, { concurrency: 2 }, () => {
    const setUp = async (
      t: Parameters<typeof setUpEngineJob>[0],
      commands: string,
      limits: WardenTask['limits'],
      pauseSeconds?: number,
    ) => {
      const setting = await setUpEngineJob(t, name, { commands, isPausing: pauseSeconds !== undefined });
      if (!setting.runtime) return undefined;
      if (pauseSeconds !== undefined) await writeFile(join(setting.job.folder, 'bin/pause'), `${pauseSeconds}\n`);
      const { runtime, job, env } = setting;
      const { jobId, folder, logFile } = job;
      const task = {
        version: 1,
        jobId,
        folder,
        logFile,
        runtime: name,
        limits,
        wrapUpMs: 1000,
        hasOwnNetwork: true,
      } as const;
      await startWarden(task, env);
      const mounts = [
        { source: agentPaths(job, true).source, target: agentLimitsFolder, isReadOnly: true, relabel: true },
      ];
      await runtime.start({ ...job, mounts });
      return {
        ...setting,
        [Symbol.asyncDispose]: async () => {
          await stopWarden(job);
          await setting[Symbol.asyncDispose]();
        },
      };
    };

    test('a job learns that it has used most of disk_gib, ends if it writes more, and its space is free again', async (t) => {
      const file = `${agentLimitsFolder}/limits.json`;
      const write = (mib: number) => `dd if=/dev/zero of=/big${mib} bs=1048576 count=${mib}`;
      const used = Math.round(diskMib * 0.85);
      const listen = `trap heard=1 USR2; ${write(used)}; until [ -n "$heard" ]; do sleep 0.1; done; cat ${file}`;
      const commands = `trap '' TERM; ${listen}; ${write(3000)}; sleep 600`;
      await using setting = await setUp(t, commands, { disk_gib: diskMib * 2 ** 20 });
      if (!setting) return;
      const { runtime, job, engine, log } = setting;
      const storage = (await runtime.storageFolder()) ?? assert.fail('no storage');
      const free = async () => {
        const { bavail, bsize } = await statfs(storage);
        return (bavail * bsize) / 2 ** 20;
      };
      await eventually(async () => /"used":/.test(await log()));
      const heardAt = performance.now();
      const { exitCode } = await runtime.wait(job);
      const seconds = (performance.now() - heardAt) / 1000;
      const freeAtEnd = await free();
      assert.equal(exitCode, 137, await log());
      const reached = await readReached(job);
      assert.equal(reached?.limit, 'disk_gib');
      assert.ok(reached.used >= diskMib * 2 ** 20, `${reached.used}`);
      // Measured while it writes, or after that.
      const notice = /^plan42: limits: 80 % used: it used (?:8\d|\d{3}) MiB of disk space, [\s\S]*"used":\d+/m;
      assert.match(await log(), notice);
      await runtime.remove(job);
      const freed = (await free()) - freeAtEnd;
      t.diagnostic(`${name}: ended ${seconds.toFixed(1)} s after the notice, ${Math.round(freed)} MiB freed`);
      // Other tests write, too.
      if (diskMib > 1000) assert.ok(seconds < 10 && freed > diskMib * 0.8, `${seconds} s, ${freed} MiB`);
      assert.equal((await engine('ps', '-a', '-q', '--filter', `name=${job.jobId}`)).trim(), '');
    });

    test('a job ends at disk_gib by files that it has deleted and holds open', async (t) => {
      const write = (path: string) => `exec 3>${path}; rm ${path}; dd if=/dev/zero bs=1048576 count=80 >&3; exec 4>&3`;
      const again = `exec 3>/two; rm /two; dd if=/dev/zero bs=1048576 count=80 >&3`;
      await using setting = await setUp(t, `${write('/one')}; ${again}; exec sleep 600`, { disk_gib: 140 * 2 ** 20 });
      if (!setting) return;
      await setting.runtime.wait(setting.job);
      const reached = await readReached(setting.job);
      assert.equal(reached?.limit, 'disk_gib');
      assert.ok(reached.used >= 140 * 2 ** 20 && reached.used < 200 * 2 ** 20, `${reached.used}`);
    });

    test('the time in which a container is made does not count', async (t) => {
      const commands = `trap 'exit 9' TERM; while :; do sleep 0.1; done`;
      await using setting = await setUp(t, commands, { max_duration: 3000, idle_timeout: 3000 }, 4);
      if (!setting) return;
      const { runtime, job, engine, log } = setting;
      assert.equal((await runtime.wait(job)).exitCode, 9, await log());
      const times = await engine(
        'inspect',
        '--format',
        '{{json .State.StartedAt}} {{json .State.FinishedAt}}',
        job.jobId,
      );
      const [startedMs = 0, endedMs = 0] = times.split(' ').map((time) => Date.parse(JSON.parse(time)));
      assert.ok(endedMs - startedMs >= 3000, `it ran for ${endedMs - startedMs} ms`);
    });

    test('a silent container ends, one that works does not, and its agent can read why', async (t) => {
      const work = `end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do :; done`;
      const file = `${agentLimitsFolder}/limits.json`;
      const commands = `cat ${file}; trap 'exit 9' TERM; ${work}; echo worked; sleep 600 & while :; do wait $!; done`;
      await using setting = await setUp(t, commands, { idle_timeout: 3000 });
      if (!setting) return;
      const { runtime, job, log } = setting;
      const { exitCode } = await runtime.wait(job);
      assert.equal(exitCode, 9, await log());
      assert.equal((await readReached(job))?.limit, 'idle_timeout');
      assert.match(await log(), /^\{"version":1,[\s\S]*^worked$/m);
      const content = JSON.parse(await readFile(join(agentPaths(job, true).source, 'limits.json'), 'utf8'));
      assert.deepEqual([content.reached, content.limits[0].allowed], ['idle_timeout', 3]);
    });
  });
}

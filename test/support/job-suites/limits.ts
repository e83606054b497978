/** Jobs that reach a limit, on each runtime with containers. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../eventually.ts';
import { jobIdOf, untilOver } from '../tasks.ts';
import { type ContainerRuntime, type JobSetting, setUpJobs } from './job-setting.ts';

const patienceMs = 180_000;
const atWork = 'echo begun; while :; do sleep 0.1; done';

async function startLimited({ plane, images }: JobSetting, commands: string, limits: Record<string, string>) {
  const EnvVars = Object.entries(limits).map(([name, Value]) => {
    return { Name: `PLAN42_LIMITS_${name}`, Value, IsSecret: false };
  });
  const EnvironmentId = await plane.newEnvironment({ DockerImage: images.agent, EnvVars });
  return plane.newTask({ EnvironmentId, Prompt: `@@${commands}@@` });
}

export function testLimits(name: ContainerRuntime): void {
  suite(name, { concurrency: false }, () => {
    test('limits are held while the runner is down, and the turns say which ones', async (t) => {
      await using setting = await setUpJobs(t, name, '[limits]\nwrap_up = "1s"\nmax_duration = "1h"\n');
      if (!setting.plane) return;
      const { plane } = setting;
      const write = 'dd if=/dev/zero of=/big bs=1048576 count=200 2>/dev/null';
      const [ofTime, ofDisk, ofIdleness] = await Promise.all([
        startLimited(setting, atWork, { MAX_DURATION: '10s' }),
        startLimited(setting, `echo begun; ${write}; sleep 600`, { DISK_GIB: '0.1' }),
        startLimited(setting, 'echo begun; exec sleep 600', { IDLE_TIMEOUT: '5s' }),
      ]);
      const messageOf = async (taskId: string) => (await untilOver(plane, taskId, patienceMs)).turn.ErrorMessage;
      const logOf = (taskId: string) => setting.runner.jobLog(jobIdOf(taskId)).catch(() => '');
      // The kubelet of a pod reports no activity.
      if (name === 'kubernetes') {
        const refused =
          /cannot hold limits\.idle_timeout: a cluster does not report the activity of pods\. Remove limits\.idle_timeout/;
        assert.match(await messageOf(ofIdleness), refused);
      }
      const running = name === 'kubernetes' ? [ofTime, ofDisk] : [ofTime, ofDisk, ofIdleness];
      for (const taskId of running) await eventually(async () => (await logOf(taskId)).includes('begun'), patienceMs);
      await setting.restart(() => delay(10_000));
      const stopped = 'The agent was stopped at a limit: ';
      const ofDiskUse =
        name === 'kubernetes'
          ? 'it reached limits\\.disk_gib, which is 102 MiB'
          : 'it used \\d+ MiB of disk space, and limits\\.disk_gib is 102 MiB';
      const sentences = [
        new RegExp(`^${stopped}it ran for 1\\d(?:\\.\\d)? s, and limits\\.max_duration is 10 s\\. Its log is on `),
        new RegExp(`^${stopped}${ofDiskUse}\\. Its log is on `),
        /no output, network traffic or processor use for \S+ s, and limits\.idle_timeout is 5\.0 s\. Its log is on /,
      ];
      for (const [n, taskId] of running.entries()) {
        assert.match(await messageOf(taskId), sentences[n] ?? /^$/);
        assert.equal((await setting.finished(jobIdOf(taskId))).endCode, 'limit-reached');
      }
      const wrapUp =
        /\nplan42: limits: limit reached: it ran for .*; SIGTERM (now|at the limit), SIGKILL (in 1 s|1 s later)\n/;
      assert.match(await logOf(ofTime), wrapUp);
      // Other tests have containers of the same engine.
      await eventually(async () => {
        const left = await setting.list();
        return ![ofTime, ofDisk, ofIdleness].some((taskId) => left.includes(jobIdOf(taskId)));
      }, patienceMs);
    });
  });
}

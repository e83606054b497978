/** A job that writes far more than its log keeps, on each runtime with containers. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestControlPlane } from '../control-plane.ts';
import { sampleLog } from '../job-log.ts';
import { assertLinesTo } from '../numbered-lines.ts';
import type { RunnerProcess } from '../runner-process.ts';
import { jobIdOf, startTask, untilOver } from '../tasks.ts';
import { type ContainerRuntime, setUpJobs } from './job-setting.ts';

const mib = 2 ** 20;
// Ten times what 81 MiB and five restarts take on a machine that is not busy.
const maxJobMs = 4 * 60_000;

export const logLimits = (maxLogMib: number) => `[jobs]\nmax_log_mib = ${maxLogMib}\n`;

/** The test agent's first line. */
const agentSays = 'ARGS: --encrypted-input=false --plan42-proxy --log-agent-output\n';

export interface CountingJob {
  taskId: string;
  maxLogMib: number;
  /** The number that its last line has. */
  last: number;
  /** Its output before the lines. */
  leading?: string;
}

/** Waits until the job has ended with 5 and checks its log; how many bytes were dropped. */
export async function checkBoundedLog(
  plane: TestControlPlane,
  runner: RunnerProcess,
  { taskId, maxLogMib, last, leading = '' }: CountingJob,
): Promise<number> {
  const over = untilOver(plane, taskId, maxJobMs);
  const logFile = join(runner.folder, 'state/logs', `${jobIdOf(taskId)}.log`);
  const { largest, smallestFull } = await sampleLog(logFile, over, maxLogMib * mib);
  assert.ok(largest <= maxLogMib * mib, `${largest} bytes`);
  assert.ok(smallestFull >= 0.85 * maxLogMib * mib, `${smallestFull} bytes`);
  assert.match((await over).turn.ErrorMessage, /exit code 5/);
  return assertLinesTo(last, await runner.jobLog(jobIdOf(taskId)), leading.length);
}

export function testBoundedLog(name: ContainerRuntime): void {
  test(`${name}: the log of a container keeps 85 % of its limit and never exceeds it`, async (t) => {
    // 81 MiB at once. With a time for each line, a node would rotate a log of 10 MiB, and not return what is written meanwhile.
    const [maxLogMib, last] = name === 'kubernetes' ? [1, 200_000] : [8, 10_500_000];
    // containerd drops up to 100 KiB of what a container writes right before its exit.
    const commands = name === 'kubernetes' ? `seq 1 ${last}; sleep 2` : `seq 1 ${last}`;
    await using setting = await setUpJobs(t, name, logLimits(maxLogMib));
    if (!setting.plane) return;
    const { plane, runner, images } = setting;
    const taskId = await startTask(plane, images.agent, `${commands}; exit 5`);
    assert.ok((await checkBoundedLog(plane, runner, { taskId, maxLogMib, last, leading: agentSays })) > 0);
  });
}

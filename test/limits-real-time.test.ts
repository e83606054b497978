/** Ten jobs at a time reach limits of time, idleness and disk space, in real time, while their runner is dead. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exists } from '../src/lib/files.ts';
import { readReached } from '../src/limits/files.ts';
import { startControlPlane } from './support/control-plane.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, startTask, untilOver } from './support/tasks.ts';
import { watchDelay } from './support/watch-delay.ts';

type RuntimeName = 'host' | 'podman' | 'docker';

interface Limited {
  variable: string;
  value: string;
  /** The agent does this before it prints "from", the moment from which the limit counts. */
  before: string;
  /** From that moment to the limit. */
  limitMs: number;
}

const random = (from: number, to: number) => from + Math.floor(Math.random() * (to - from));
const testAgent = join(import.meta.dirname, 'support/engines/agent-wrapper.sh');
/** Limits are held to 5 s; the agent prints whole seconds. */
const allowedMs = 5000 + 1000;
const slackMs = 600_000;
/** Ten jobs that start at once take so many times as long as one. */
const startFactor = 8;
const maxSpareMs = 240_000;

function duration(spareMs: number): Limited {
  const limitMs = spareMs + random(8000, 20_000);
  return { variable: 'MAX_DURATION', value: `${limitMs}ms`, before: ':', limitMs };
}

function idleness(spareMs: number): Limited {
  const limitMs = spareMs + random(4000, 15_000);
  const work = 'end=$(($(date +%s) + 5)); while [ $(date +%s) -lt $end ]; do :; done';
  return { variable: 'IDLE_TIMEOUT', value: `${limitMs}ms`, before: work, limitMs };
}

/** Measured every 1.5 s at least, so that a limit is reached as soon as the disk is used. */
function diskSpace(spareMs: number): Limited {
  const write = `sleep ${Math.ceil(spareMs / 1000) + random(8, 20)}; dd if=/dev/zero of=/big bs=1048576 count=60 2>/dev/null`;
  return { variable: 'DISK_GIB', value: '0.05', before: write, limitMs: 0 };
}

const commandsOf = ({ before }: Limited) =>
  `trap 'echo end $(date +%s); exit 9' TERM; ${before}; echo from $(date +%s); sleep 600 & while :; do wait $!; done`;

/** @param spareMs the time that passes until all jobs run and the runner is killed */
function tenLimits(runtime: RuntimeName, spareMs: number): Limited[] {
  const kinds = runtime === 'host' ? [duration, idleness] : [duration, idleness, diskSpace];
  return Array.from({ length: 10 }, (_, n) => (kinds[n % kinds.length] ?? duration)(spareMs));
}

async function holdTen(t: TestContext, runtime: RuntimeName): Promise<void> {
  const engines = runtime === 'host' ? undefined : await requires(t, runtime, 'registry');
  if (runtime !== 'host' && engines === undefined) return;
  const env = runtime === 'host' ? {} : (engines?.[runtime].env ?? {});
  await using plane = await startControlPlane();
  const config = `[host]\nunisolated = true\ncommand = ["/bin/sh", ${JSON.stringify(testAgent)}]
[jobs]\nmax_jobs = 10\ncpus = 0.5\n[limits]\nwrap_up = "5s"\n[images]\npull_policy = "if-not-present"\n`;
  const options = { url: plane.server.url, token: await plane.newToken(), runtime, config, env };
  const first = await RunnerProcess.start(options);
  await first.ready();
  const image = engines?.images.agent ?? 'example/agent';
  const beganAt = performance.now();
  await untilOver(plane, await startTask(plane, image, 'exit 0'), slackMs);
  const spareMs = Math.min(maxSpareMs, Math.round((performance.now() - beganAt) * startFactor));
  const jobs = await Promise.all(
    tenLimits(runtime, spareMs).map(async (limited) => {
      const { variable, value } = limited;
      const EnvVars = [{ Name: `PLAN42_LIMITS_${variable}`, Value: value, IsSecret: false }];
      const EnvironmentId = await plane.newEnvironment({ DockerImage: image, EnvVars });
      const taskId = await plane.newTask({ EnvironmentId, Prompt: `@@${commandsOf(limited)}@@` });
      const jobId = jobIdOf(taskId);
      return { limited, taskId, jobId, folder: join(first.folder, 'state/jobs/active', jobId) };
    }),
  );
  await eventually(async () => (first.log.match(/job started/g) ?? []).length === jobs.length + 1, slackMs);
  assert.equal(await first.stop('SIGKILL'), 'SIGKILL');
  // The folder of a job that has been reported is gone.
  const isReached = async (job: { folder: string }) =>
    (await readReached(job)) !== undefined || !(await exists(job.folder));
  const early = (await Promise.all(jobs.map(isReached))).filter(Boolean).length;
  assert.ok(early < jobs.length, 'all limits were reached before the runner was killed');
  // As much work as the commands with which a warden ends a job.
  await using delay =
    runtime === 'host' ? watchDelay(process.execPath, ['-e', '0']) : watchDelay(runtime, ['ps', '--quiet'], env);
  for (const job of jobs) await eventually(() => isReached(job), slackMs);
  for (const { jobId } of jobs) await eventually(async () => /^end \d+$/m.test(await first.jobLog(jobId)), slackMs);
  const delayMs = delay.maxMs();
  await using second = await RunnerProcess.start({ ...options, folder: first.folder });
  const late: string[] = [];
  for (const { taskId, jobId, limited } of jobs) {
    const { variable, limitMs } = limited;
    const { turn } = await untilOver(plane, taskId, slackMs);
    assert.match(turn.ErrorMessage, /^The agent was stopped at a limit: /);
    assert.ok(turn.ErrorMessage.includes(`limits.${variable.toLowerCase()} is `), turn.ErrorMessage);
    const log = await second.jobLog(jobId);
    const at = (event: string) => Number(new RegExp(`^${event} (\\d+)$`, 'm').exec(log)?.[1]) * 1000;
    const lateMs = at('end') - at('from') - limitMs;
    late.push(`${variable} ${lateMs} ms`);
    // A warden counts from a moment at which the agent has not begun yet, and idleness from its last work.
    assert.ok(lateMs >= -2000 - 2 * delayMs, `${variable}: ${-lateMs} ms early; a command took ${delayMs} ms`);
    // It measures, and then ends the job by two commands.
    assert.ok(lateMs <= allowedMs + 3 * delayMs, `${variable}: ${lateMs} ms late; a command took ${delayMs} ms`);
  }
  t.diagnostic(
    `${runtime}: ${late.join(', ')} late; ${early} before the runner was killed; a command took up to ${Math.round(delayMs)} ms`,
  );
}

for (const runtime of ['host', 'podman', 'docker'] as const)
  test(`${runtime}: ten limits are held while the runner is dead`, { timeout: 900_000 }, (t) => holdTen(t, runtime));

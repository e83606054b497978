/** Many short tasks on several runners, with a runner that is killed and restarted meanwhile. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startControlPlane, type TestControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';
import { RunnerProcess } from './runner-process.ts';
import { jobIdOf } from './tasks.ts';
import { makeTempDir } from './temp-dir.ts';

export interface ManyTasksOptions {
  tasks: number;
  slots: number;
  /** How long each agent runs, in seconds. */
  agentSeconds: number;
  timeoutMs: number;
  /**
   * Agents end only while both runners are there, so that both get their share of a few tasks on a machine where the start of
   * a runner takes longer than all of them.
   */
  waitsForRunners?: boolean;
}

export interface ManyTasksResult {
  /** The tasks in the order of creation. */
  tasks: string[];
  /** The tasks in the order in which the server first sent their turns. */
  sent: string[];
  /** The job IDs in the order in which agents started, once per start. */
  starts: string[];
  /** The number of turns by instance of the runner. */
  shares: Map<string, number>;
  /** From the start of each runner until all its slots were taken, in milliseconds. */
  busyAfterMs: number[];
  totalMs: number;
  /** The largest number of jobs that a runner had beyond its slots. */
  maxWaiting: number;
}

export async function runManyTasks(options: ManyTasksOptions): Promise<ManyTasksResult> {
  const { tasks: count, slots, agentSeconds, timeoutMs, waitsForRunners = false } = options;
  await using dir = await makeTempDir();
  const startsFile = join(dir.path, 'starts');
  await writeFile(startsFile, '');
  const holdFile = join(dir.path, 'hold');
  const hold = () => (waitsForRunners ? writeFile(holdFile, '') : undefined);
  const release = () => rm(holdFile, { force: true });
  await hold();
  const sent = new Set<string>();
  const onLog = (line: string) => {
    const task = /sending turn .*task_id=(\S+)/.exec(line)?.[1];
    if (task !== undefined) sent.add(task);
  };
  await using plane = await startControlPlane({ onLog });
  const EnvironmentId = await plane.newEnvironment({ DockerImage: 'a/b' });
  const tasks: string[] = [];
  for (let i = 0; i < count; i += 1) tasks.push(await plane.newTask({ EnvironmentId }));

  const agent = `echo "$PLAN42_JOB_ID" >> ${startsFile}; cat > /dev/null; while [ -e ${holdFile} ]; do sleep 0.1; done; sleep ${agentSeconds}`;
  const command = JSON.stringify(['/bin/sh', '-c', agent]);
  const config = `[jobs]\nmax_jobs = ${slots}\n[host]\nunisolated = true\ncommand = ${command}\n`;
  const runnerOptions = { url: plane.server.url, token: await plane.newToken(), runtime: 'host', config } as const;
  const startedAt = performance.now();
  const begin = async (folder?: string) => {
    const runner = await RunnerProcess.start({ ...runnerOptions, ...(folder !== undefined && { folder }) });
    const begunAt = performance.now();
    return { runner, busyMs: isBusy(runner, slots, timeoutMs).then(() => performance.now() - begunAt) };
  };
  const [one, two] = [await begin(), await begin()];
  await using _two = two.runner;
  const busyAfterMs = [await one.busyMs, await two.busyMs];

  await release();
  const startedJobs = async () => (await readFile(startsFile, 'utf8')).trimEnd().split('\n');
  if (waitsForRunners) await eventually(async () => (await startedJobs()).length > 3 * slots, timeoutMs);
  // Killed while it has agents running and turns on their way.
  await hold();
  await one.runner.stop('SIGKILL');
  const again = await begin(one.runner.folder);
  await using _again = again.runner;
  if (waitsForRunners) await again.runner.logged(/runner ready/, timeoutMs);
  await release();

  await eventually(async () => (await countUnfinished(plane)) === 0, timeoutMs);
  const totalMs = performance.now() - startedAt;
  const shares = new Map<string, number>();
  for (const task of tasks) {
    const { InstanceId } = (await plane.call('GET', `tasks/${task}/turns/1`)).body;
    shares.set(InstanceId, (shares.get(InstanceId) ?? 0) + 1);
  }
  const starts = await startedJobs();
  const waitingLines = [one, two, again].map(({ runner }) => runner.log.split('waiting for slot').length - 1);
  return { tasks, sent: [...sent], starts, shares, busyAfterMs, totalMs, maxWaiting: Math.max(...waitingLines) };
}

/** Resolves when the runner has started as many jobs as it has slots. */
async function isBusy(runner: RunnerProcess, slots: number, timeoutMs: number): Promise<void> {
  await eventually(async () => runner.log.split('job started').length > slots, timeoutMs);
}

async function countUnfinished(plane: TestControlPlane): Promise<number> {
  const { Counts } = (await plane.call('GET', '/page/tasks?maxResults=1')).body;
  return (Counts.Pending ?? 0) + (Counts.Executing ?? 0);
}

/** Tasks whose agent did not start exactly once. */
export function notStartedOnce({ tasks, starts }: ManyTasksResult): string[] {
  return tasks.filter((task) => starts.filter((jobId) => jobId === jobIdOf(task)).length !== 1);
}

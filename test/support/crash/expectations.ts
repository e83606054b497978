import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { TestControlPlane } from '../control-plane.ts';
import { eventually } from '../eventually.ts';
import type { FaultProxy } from '../fault-proxy.ts';
import { readLog } from '../job-log.ts';
import { getTurn } from '../tasks.ts';
import { type AgentDesk, type AgentEnd, exitCodeOf, type PlannedJob } from './agents.ts';

export interface Evidence {
  plane: TestControlPlane;
  proxy: FaultProxy;
  desk: AgentDesk;
  /** The runner's state folder. */
  stateDir: string;
  /** Names of all containers, running or not; none on the host. */
  listContainers: () => Promise<string[]>;
}

/**
 * Asserts that a job was started once, that its final status is correct and was reported once, and that its log is complete. Lines
 * that the engine itself lost may be missing.
 */
export async function assertJobReported(
  job: PlannedJob,
  { plane, proxy, desk, stateDir }: Evidence,
  isLost: (line: number) => boolean = () => false,
): Promise<void> {
  const { plan, jobId, taskId } = job;
  const turn = await getTurn(plane, taskId);
  const finals = proxy.calls.filter(
    ({ turn: update, serverStatus }) =>
      update?.taskId === taskId && serverStatus === 200 && /^(Failed|Completed)$/.test(update.Status ?? ''),
  );
  const log = await readLog(join(stateDir, 'logs', `${jobId}.log`));
  const record = JSON.parse(await readFile(join(stateDir, 'jobs/finished', `${jobId}.json`), 'utf8'));
  const found = {
    starts: desk.starts.get(plan.key),
    status: turn.Status,
    // The agents of these tests do not call the server, which pods do not reach on loopback.
    message: (turn.ErrorMessage ?? '')
      .replace(/--state-dir \S+ /, '')
      .replace(/ It cannot reach the server: .*? it\./, ''),
    // If the runner was killed during the call, the proxy may not know the result.
    isReportedTwice: finals.length > 1,
    exitCode: record.exitCode,
    // The shim's shell adds its own line about a signal.
    log: rangesOf(numbersIn(log).filter((line) => !isLost(line))),
  };
  const isFinished = plan.end.kind === 'finish';
  assert.deepEqual(found, {
    starts: 1,
    status: isFinished ? 'Completed' : 'Failed',
    message: isFinished ? '' : `${messageOf(plan.end)} Its log is on ${hostname()}: plan42 runner job logs ${jobId}`,
    isReportedTwice: false,
    exitCode: exitCodeOf(plan.end),
    log: plan.endsOnTerm
      ? [/^1-\d+$/.exec(found.log[0] ?? '')?.[0]]
      : rangesOf(Array.from({ length: plan.lines }, (_, index) => index + 1).filter((line) => !isLost(line))),
  });
}

/** The numbers of the agent's lines: `line 1` is 1. */
export function numbersIn(log: string): number[] {
  return [...log.matchAll(/^line (\d+)$/gm)].map(([, number]) => Number(number));
}

/** 1, 2, 4 as `1-2`, `4-4`. */
function rangesOf(numbers: readonly number[]): string[] {
  const ranges: { first: number; last: number }[] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range?.last === number - 1) range.last = number;
    else ranges.push({ first: number, last: number });
  }
  return ranges.map(({ first, last }) => `${first}-${last}`);
}

function messageOf(end: AgentEnd): string {
  const code = exitCodeOf(end);
  if (end.kind === 'signal')
    return `The agent was terminated by SIGKILL (exit code ${code}) before it finished its turn.`;
  return `The agent ended with exit code ${code} without finishing its turn.`;
}

/** Asserts that only records and logs remain of finished jobs, and no secrets. */
export async function assertNothingLeft(jobs: readonly PlannedJob[], { stateDir, listContainers }: Evidence) {
  assert.deepEqual(await readdir(join(stateDir, 'jobs/active')), []);
  assert.deepEqual(await filesWith(/p42[ar]_/, stateDir), []);
  const jobIds = jobs.map(({ jobId }) => jobId);
  assert.deepEqual(
    (await listContainers()).filter((name) => jobIds.includes(name)),
    [],
  );
  // An engine takes a moment to clean up after itself.
  await eventually(async () => (await processesOf(jobIds)).length === 0).catch(async () =>
    assert.deepEqual(await processesOf(jobIds), []),
  );
}

async function filesWith(text: RegExp, folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const contents = await Promise.all(files.map((file) => readFile(file, 'latin1').catch(() => '')));
  return files.filter((_, index) => text.test(contents[index] ?? ''));
}

/** Command lines of processes that have one of the jobs in an argument or in their environment. */
async function processesOf(jobIds: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [commandLine, environment] = await Promise.all(
      ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
    );
    if (jobIds.some((id) => commandLine?.includes(id) || environment?.includes(`PLAN42_JOB_ID=${id}\0`))) {
      found.push(`${pid} ${commandLine?.replaceAll('\0', ' ')}`);
    }
  }
  return found;
}

import { roundCost, tokensOf, type UsageTotals } from '../../../gateway/models/usage.ts';
import type { JobRecord } from '../../../jobs/record.ts';
import type { JobStore } from '../../../jobs/store.ts';
import type { JobSummary } from '../../../jobs/summary.ts';
import { formatCost } from '../../../lib/format-cost.ts';
import { printableLine } from '../../../lib/printable.ts';
import { units } from '../../../limits/limits.ts';
import { describeLimitStates, type LimitState } from '../../../limits/uses.ts';
import type { CliContext } from '../../context.ts';
import { formatElapsed, formatLocalTime, terminalWidth } from '../../output.ts';
import { createStyle, wantsColor } from '../../style.ts';
import { renderTable, type TableColumn } from '../../table.ts';

// Enough to identify a job and to type.
const minIdWidth = 16;

export interface TableOptions {
  /** Adds columns, and seconds to the times. */
  verbose?: boolean;
  /** Adds how long each job runs, or ran. */
  elapsed?: boolean;
}

export function renderJobs(
  context: CliContext,
  jobs: readonly JobSummary[],
  { verbose = false, elapsed = verbose }: TableOptions,
): string {
  const { stdout } = context;
  const style = createStyle(wantsColor(stdout, context));
  const at = (time: string | undefined) => (time === undefined ? '' : formatLocalTime(time, { seconds: verbose }));
  const columns: TableColumn<JobSummary>[] = [
    { title: 'Job ID', cell: (job) => job.jobId, flexible: minIdWidth },
    { title: 'Title', cell: (job) => printableLine(job.title), flexible: true },
    { title: 'Turn Index', cell: (job) => String(job.turnIndex) },
    {
      title: 'Running?',
      cell: (job) => (job.state === 'running' ? 'Yes' : 'No'),
      style: (text, job) => (job.state === 'running' ? style.good(text) : text),
    },
    { title: 'Created', cell: (job) => at(job.record?.acceptedAt) },
    ...(elapsed ? [{ title: 'Elapsed', cell: elapsedOf }] : []),
  ];
  const more: TableColumn<JobSummary>[] = [
    { title: 'State', cell: stateOf },
    { title: 'Exit Code', cell: (job) => String(job.record?.exitCode ?? '') },
    { title: 'Started', cell: (job) => at(job.record?.startedAt) },
    { title: 'Ended', cell: (job) => at(job.record?.endedAt) },
    { title: 'Runtime', cell: (job) => job.record?.runtime ?? '' },
    { title: 'Network', cell: networkOf },
    { title: 'Image', cell: (job) => printableLine(job.record?.image ?? '') },
    { title: 'Models', cell: ({ usage }) => (usage === undefined ? '' : describeTotals(usage)) },
    { title: 'Limits', cell: (job) => describeLimitStates(job.limits) },
    { title: 'Reason', cell: (job) => printableLine(job.waitReason ?? reasonOf(job.record) ?? '') },
  ];
  return renderTable(jobs, verbose ? [...columns, ...more] : columns, terminalWidth(stdout));
}

/** Empty if the job has ended at an unknown time. */
function elapsedOf({ state, record }: JobSummary): string {
  const hasEnded = state === 'ended' || state === 'finished';
  return hasEnded && record?.endedAt === undefined ? '' : formatElapsed(record?.startedAt, record?.endedAt);
}

function stateOf({ state, record }: JobSummary): string {
  if (record === undefined) return `${state} (record damaged)`;
  return record.killed ? `${state} (killed)` : state;
}

/** Empty before the start, and for records of older versions. */
function networkOf({ record }: JobSummary): string {
  const words = { none: 'not limited', enforce: 'limited', observe: 'observed' };
  return record?.network === undefined ? '' : words[record.network.mode];
}

/** Why the job ended. Records of older versions have no reason, but the agent's error message. */
function reasonOf(record: JobRecord | undefined): string | null {
  return record?.endText ?? (record?.endedAt === undefined ? null : (record.failure ?? null));
}

function describeTotals(usage: UsageTotals): string {
  const calls = `${usage.calls.toLocaleString('en-US')} ${usage.calls === 1 ? 'call' : 'calls'}`;
  const cost = usage.cost === undefined ? '' : `, cost ${formatCost(usage.cost)}`;
  return `${calls}, ${tokensOf(usage).toLocaleString('en-US')} tokens${cost}`;
}

function usageAsJson(usage: UsageTotals) {
  return { ...usage, cost: usage.cost === undefined ? null : roundCost(usage.cost) };
}

function limitAsJson({ limit, allowed, used }: LimitState) {
  const { unit, perUnit } = units[limit];
  return { limit, unit, allowed: allowed / perUnit, used: used === undefined ? null : used / perUnit };
}

/** As documented in docs/json-output.md. */
export function jobsAsJson(jobs: readonly JobSummary[], store: JobStore) {
  return jobs.map(({ jobId, taskId, turnIndex, title, state, waitReason, record, limits, usage }) => ({
    jobId,
    taskId,
    turnIndex,
    title,
    state,
    running: state === 'running',
    waitReason: waitReason ?? null,
    createdAt: record?.acceptedAt ?? null,
    startedAt: record?.startedAt ?? null,
    endedAt: record?.endedAt ?? null,
    exitCode: record?.exitCode ?? null,
    killed: record?.killed ?? false,
    endCode: record?.endCode ?? null,
    endReason: reasonOf(record),
    runtime: record?.runtime ?? null,
    image: record?.image ?? null,
    network: record?.network?.mode ?? null,
    limits: limits.map(limitAsJson),
    models: usage === undefined ? null : usageAsJson(usage),
    logFile: store.paths(jobId).logFile,
  }));
}

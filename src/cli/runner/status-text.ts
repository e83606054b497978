import type { RunnerStatus } from '../../control/messages.ts';
import type { JobSummary } from '../../jobs/summary.ts';
import { systemClock } from '../../lib/clock.ts';
import { printableLine } from '../../lib/printable.ts';
import { describeLimits, hasLimits } from '../../limits/limits.ts';
import { describeEnd, type TokenState } from '../../plan42/token-end.ts';
import type { CliContext } from '../context.ts';
import { formatElapsed, formatLocalTime, terminalWidth } from '../output.ts';
import { describeOutdated, type Outdated } from '../service/outdated.ts';
import { describeService, type ServiceState } from '../service/state.ts';
import { createStyle, type Style, wantsColor } from '../style.ts';
import { renderTable } from '../table.ts';
import { renderJobs } from './job/table.ts';
import type { RunnerPaths } from './runner-paths.ts';

/** Content of `plan42 runner status`. */
export interface Picture {
  state: 'running' | 'not-running' | 'not-answering';
  /** Why the runner is not responding. */
  problem: string | null;
  service: ServiceState | null;
  runner: RunnerStatus | null;
  /** Null if the runner has the version that is installed. */
  outdated: Outdated | null;
  /** Unfinished jobs. */
  jobs: JobSummary[];
}

type Line = readonly [name: string, text: string];

export function renderStatus(context: CliContext, paths: RunnerPaths, picture: Picture): string {
  const { runner, service, jobs } = picture;
  const style = createStyle(wantsColor(context.stdout, context));
  const lines: Line[] = [
    ['Runner', renderState(picture, style)],
    ...(service ? [['Service', describeService(service)] as const] : []),
    ...(runner
      ? describeRunner(runner, picture.outdated, style)
      : [['State folder', printableLine(paths.stateDir)] as const]),
    ['Configuration', printableLine(runner?.configFile ?? paths.configFile)],
    ['Jobs', runner ? renderCounts(runner) : countStates(jobs)],
    ...(runner?.limits && hasLimits(runner.limits) ? [['Limits of jobs', describeLimits(runner.limits)] as const] : []),
    ...(runner?.githubIncomplete ? [['GitHub', renderIncomplete(runner.githubIncomplete, style)] as const] : []),
    ...(runner?.lastEnd
      ? [['Last finished', `${formatLocalTime(runner.lastEnd.time)} ${describeLastEnd(runner.lastEnd)}`] as const]
      : []),
    ...(runner?.lastError
      ? [['Last error', `${formatLocalTime(runner.lastError.time)} ${runner.lastError.message}`] as const]
      : []),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const summary = lines.map(([name, text]) => `${style.bold(name.padEnd(width))}  ${text}\n`).join('');
  const queues = runner && runner.queues.length > 0 ? `\n${renderQueues(context, runner)}` : '';
  const feeds = runner?.githubEvents && runner.githubEvents.feeds.length > 0 ? `\n${renderFeeds(context, runner)}` : '';
  return summary + queues + feeds + (jobs.length > 0 ? `\n${renderJobs(context, jobs, { elapsed: true })}` : '');
}

function renderState({ state, problem, runner }: Picture, style: Style): string {
  if (state === 'not-running') return style.bad('Not Running');
  if (runner === null) return `${style.bad('Not Responding')}: ${printableLine(problem ?? '')}`;
  const uptime = formatElapsed(runner.startedAt, undefined);
  const since = `since ${formatLocalTime(runner.startedAt)} (${uptime}), process ${runner.pid}`;
  const [trouble, ...others] = runner.troubles;
  if (trouble === undefined) return `${style.good(`Running, ${runner.phase}`)}, ${since}`;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  const why = printableLine(`${troubleNames[trouble.kind]}: ${trouble.message}`);
  return `${style.bad(`Running, ${runner.phase}`)}, ${since}; since ${formatLocalTime(trouble.since)} ${why}${more}`;
}

const troubleNames = {
  unreachable: 'server unreachable or returning errors',
  refused: 'runner token rejected',
  disk: 'new jobs rejected',
  runtime: 'no job can start',
};

function describeRunner(runner: RunnerStatus, outdated: Outdated | null, style: Style): Line[] {
  const { version, url, runtime, utilisation, queues, token } = runner;
  return [
    ['Version', outdated ? style.bad(describeOutdated(version, outdated)) : printableLine(version)],
    ['Server', printableLine(url)],
    ...(token?.expiresAt ? [['Token', renderToken(token.expiresAt, token.state, style)] as const] : []),
    ['Runtime', runtime],
    ['Queues', `${queues.length}, utilisation ${percent(utilisation)}`],
  ];
}

function renderToken(expiresAt: string, state: TokenState, style: Style): string {
  const at = formatLocalTime(expiresAt);
  if (state === 'valid') return `valid until ${at}`;
  const end = describeEnd(new Date(expiresAt), systemClock.date());
  const what = style.bad(`${state === 'ending' ? 'ends' : 'expired'} ${end}, at ${at}`);
  return `${what}; replace it by a new one of the server`;
}

function renderIncomplete({ time, reason }: NonNullable<RunnerStatus['githubIncomplete']>, style: Style): string {
  return `${style.bad('list incomplete')}, at ${formatLocalTime(time)}: ${printableLine(reason)}`;
}

function renderCounts({ jobs: { running, starting, waiting, ending, max } }: RunnerStatus): string {
  const counts = [
    `${running} of ${max} running`,
    ...(starting > 0 ? [`${starting} starting`] : []),
    `${waiting} waiting`,
    ...(ending > 0 ? [`${ending} being reported`] : []),
  ];
  return counts.join(', ');
}

function describeLastEnd({ jobId, reason }: NonNullable<RunnerStatus['lastEnd']>): string {
  return printableLine(`${jobId}: ${reason}`);
}

function countStates(jobs: readonly JobSummary[]): string {
  const count = (state: JobSummary['state']) => jobs.filter((job) => job.state === state).length;
  const ended = count('ended');
  return `${count('running')} running, ${count('waiting')} waiting${ended > 0 ? `, ${ended} to be reported when the runner starts` : ''}`;
}

function renderQueues(context: CliContext, { queues }: RunnerStatus): string {
  const { stdout } = context;
  return renderTable(
    queues,
    [
      { title: 'Queue ID', cell: (queue) => printableLine(queue.queueId), flexible: true },
      { title: 'State', cell: (queue) => queue.phase },
      { title: 'Utilisation', cell: (queue) => percent(queue.utilisation) },
      { title: 'Being Answered', cell: (queue) => String(queue.inFlight) },
    ],
    terminalWidth(stdout),
  );
}

function renderFeeds(context: CliContext, { githubEvents }: RunnerStatus): string {
  return renderTable(
    githubEvents?.feeds ?? [],
    [
      { title: 'GitHub Events Of', cell: (feed) => printableLine(feed.org) },
      { title: 'Connection ID', cell: (feed) => printableLine(feed.connectionId), flexible: true },
      { title: 'Last Poll', cell: (feed) => (feed.lastPoll === null ? 'none yet' : formatLocalTime(feed.lastPoll)) },
      { title: 'Result', cell: (feed) => printableLine(feed.error ?? 'ok'), flexible: true },
    ],
    terminalWidth(context.stdout),
  );
}

function percent(utilisation: number | null): string {
  return utilisation === null ? 'unknown' : `${Math.round(utilisation * 100)} %`;
}

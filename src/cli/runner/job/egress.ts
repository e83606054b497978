import type { Report, ReportEntry } from '../../../gateway/report.ts';
import { JobStore } from '../../../jobs/store.ts';
import { formatBytes } from '../../../lib/format-bytes.ts';
import { formatHostPort } from '../../../lib/host-port.ts';
import { printableLine } from '../../../lib/printable.ts';
import { isExcluded, missingEntry } from '../../../plan42/turn-network.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson, terminalWidth } from '../../output.ts';
import { renderTable } from '../../table.ts';
import { findRunnerPaths, type RunnerOptions, readStateFolder } from '../runner-paths.ts';
import { elsewhereError, findElsewhere } from './elsewhere.ts';
import { findJob } from './find.ts';

export interface EgressOptions extends RunnerOptions {
  json?: boolean;
}

/** Shows what a job reached and what it was refused. */
export async function showJobEgress(context: CliContext, id: string, options: EgressOptions): Promise<void> {
  const paths = await findRunnerPaths(context, options);
  const store = JobStore.at(paths.stateDir, paths.logDir);
  const { jobId, report } = await readStateFolder(paths, async () => {
    const jobId = await findJob(store, id, async () => {
      const elsewhere = await findElsewhere(context, paths, id);
      return elsewhere && elsewhereError('egress', elsewhere);
    });
    return { jobId, report: await store.readEgress(jobId) };
  });
  const { stdout, stderr, signal } = context;
  if (options.json) return print(stdout, renderJson(egressAsJson(jobId, report)), signal);
  if (report === undefined || report.entries.length === 0)
    stderr.write(report === undefined ? noWall : 'The job has not connected to any host.\n');
  else await print(stdout, renderReport(report, terminalWidth(stdout)), signal);
}

const noWall = `This job has no report: its network was not limited, or it has not started.
See docs/egress.md about egress.mode.\n`;

function egressAsJson(jobId: string, report: Report | undefined) {
  if (report === undefined) return { jobId, mode: null, hosts: [], others: { allowed: 0, refused: 0 } };
  const { mode, entries, others } = report;
  return { jobId, mode, hosts: inOrder(entries), others };
}

/** Refusals first, because users look for them. */
function inOrder(entries: readonly ReportEntry[]): ReportEntry[] {
  const rank = { refused: 0, observed: 1, allowed: 2 };
  return entries.toSorted((a, b) => rank[a.verdict] - rank[b.verdict] || b.count - a.count);
}

export function renderReport({ entries, others }: Report, width: number | undefined): string {
  const table = renderTable(
    inOrder(entries),
    [
      { title: 'VERDICT', cell: ({ verdict }) => verdict },
      { title: 'HOST', cell: (entry) => printableLine(formatHostPort(entry.host, entry.port)) },
      { title: 'COUNT', cell: ({ count }) => String(count) },
      { title: 'SENT', cell: ({ sentBytes }) => formatBytes(sentBytes) },
      { title: 'RECEIVED', cell: ({ receivedBytes }) => formatBytes(receivedBytes) },
      { title: 'RULE', cell: ({ rule }) => printableLine(rule), flexible: 20 },
    ],
    width,
  );
  const more = others.allowed + others.refused;
  const rest = more === 0 ? '' : `${more} connections to further hosts, of which ${others.refused} were refused.\n`;
  return `${table}${rest}${suggestion(entries)}`;
}

/** The entries that would allow what was refused or observed, ready to paste. */
function suggestion(entries: readonly ReportEntry[]): string {
  const of = (isOutside: boolean) =>
    entries
      .filter(({ remedy }) => isExcluded({ Remedy: remedy }) === isOutside)
      .flatMap(({ host, port, code }) => missingEntry({ Host: host, Port: port, Code: code }) ?? []);
  const [admitted, excluded] = [of(false), of(true)].map((texts) => [...new Set(texts)].toSorted());
  return [
    suggestionFor(admitted ?? [], 'AllowedHosts of the environment'),
    suggestionFor(excluded ?? [], 'AllowedHosts of the environment and to egress.allowed'),
  ].join('');
}

function suggestionFor(entries: readonly string[], settings: string): string {
  if (entries.length === 0) return '';
  const list = entries.map((text) => JSON.stringify(text)).join(', ');
  return `\nTo allow these hosts, add them to ${settings}, or to egress.always:\n  [${printableLine(list)}]\n`;
}

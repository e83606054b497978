/** The report of a job's gateway and its limits, as the server gets them. */
import type { Report, ReportEntry } from '../../gateway/report.ts';
import { units } from '../../limits/limits.ts';
import type { LimitState } from '../../limits/uses.ts';
import { maxNetworkHosts, type NetworkHost, type TurnLimit, type TurnNetwork } from '../../plan42/turn-network.ts';
import type { JobRecord } from '../record.ts';

const maxHosts = maxNetworkHosts / 2;
const verdicts = { allowed: 'Allowed', refused: 'Refused', observed: 'Observed' } as const;
const modes = { none: 'None', enforce: 'Enforce', observe: 'Observe' } as const;

/** Undefined if it is not known whether the job has a wall. */
export function turnNetwork(
  { network }: Pick<JobRecord, 'network'>,
  report: Report | undefined,
  isFinal: boolean,
  limits: readonly LimitState[] = [],
): TurnNetwork | undefined {
  const mode = network?.mode ?? report?.mode;
  if (mode === undefined) return undefined;
  const entries = report?.entries ?? [];
  const size = ({ sentBytes, receivedBytes }: ReportEntry) => sentBytes + receivedBytes;
  // The first refusals, because the server logs each once; of the others, those that matter most.
  const refused = entries.filter(({ verdict }) => verdict !== 'allowed').slice(0, maxHosts);
  const allowed = entries
    .filter(({ verdict }) => verdict === 'allowed')
    .toSorted((a, b) => size(b) - size(a))
    .slice(0, maxHosts);
  const listed = new Set([...refused, ...allowed]);
  const others = { allowed: report?.others.allowed ?? 0, refused: report?.others.refused ?? 0 };
  for (const entry of entries) {
    if (!listed.has(entry)) others[entry.verdict === 'refused' ? 'refused' : 'allowed'] += entry.count;
  }
  return {
    Mode: modes[mode],
    Notes: [...(network?.notes ?? [])],
    Hosts: entries.filter((entry) => listed.has(entry)).map(hostOf),
    OtherAllowed: others.allowed,
    OtherRefused: others.refused,
    ...(limits.length > 0 && { Limits: limits.map(limitOf) }),
    IsFinal: isFinal,
  };
}

function limitOf({ limit, allowed, used }: LimitState): TurnLimit {
  const { unit, perUnit } = units[limit];
  return { Limit: limit, Unit: unit, Allowed: allowed / perUnit, ...(used !== undefined && { Used: used / perUnit }) };
}

function hostOf({
  host,
  port,
  verdict,
  code,
  rule,
  remedy,
  count,
  sentBytes,
  receivedBytes,
}: ReportEntry): NetworkHost {
  return {
    Host: host,
    Port: port,
    Verdict: verdicts[verdict],
    Code: code,
    Rule: rule,
    Remedy: remedy,
    Count: count,
    SentBytes: sentBytes,
    ReceivedBytes: receivedBytes,
  };
}

/** Whether a report has something that people should see at once. */
export function hasNews(before: TurnNetwork | undefined, { Mode, Hosts, IsFinal }: TurnNetwork): boolean {
  const refused = (hosts: readonly NetworkHost[]) => hosts.filter(({ Verdict }) => Verdict !== 'Allowed').length;
  return before?.Mode !== Mode || before.IsFinal !== IsFinal || refused(Hosts) > refused(before.Hosts);
}

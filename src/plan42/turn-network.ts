/** The hosts that the job of a turn reached and was refused, and its limits. Only our server and runner have these objects. */
import * as v from 'valibot';
import { formatBytes } from '../lib/format-bytes.ts';
import { formatCost } from '../lib/format-cost.ts';
import { formatDuration } from '../lib/format-duration.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { printableLine } from '../lib/printable.ts';
import { integer, knownFields } from './fields.ts';

/** `None`: the network of the job was not limited. `Observe`: everything public was allowed. */
export const networkModes = ['None', 'Enforce', 'Observe'] as const;

/** The maximum number of turns in one report. */
export const maxReportedTurns = 20;
/** The maximum number of hosts of a turn; further ones are only counted. */
export const maxNetworkHosts = 200;
const maxNotes = 10;

const count = v.pipe(integer, v.minValue(0));
const text = v.pipe(v.string(), v.maxBytes(2048, 'is larger than 2048 bytes'));

/** Unknown fields are removed, because the server stores these objects. */
function only<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.pipe(knownFields(entries), v.object(entries));
}

export const NetworkHost = only({
  Host: text,
  Port: count,
  /** `Observed`: allowed, although `Enforce` would have refused it. */
  Verdict: v.picklist(['Allowed', 'Refused', 'Observed']),
  /** A stable name of the reason; empty if the host is allowed. */
  Code: text,
  /** The entry that allows the host, or why it is refused. */
  Rule: text,
  /** How to allow it; empty if it is allowed. */
  Remedy: text,
  /** The number of connections and requests. */
  Count: count,
  SentBytes: count,
  ReceivedBytes: count,
});
export type NetworkHost = v.InferOutput<typeof NetworkHost>;

/** The maximum number of limits of a turn. */
const maxLimits = 20;

/** A limit of the job, and how much of it is used, if that is known. */
export const TurnLimit = only({
  /** The name of the setting, without its table. */
  Limit: text,
  /** Of both amounts: `seconds`, `bytes`, `tokens`, or `cost`. */
  Unit: text,
  Allowed: v.number(),
  Used: v.optional(v.number()),
});
export type TurnLimit = v.InferOutput<typeof TurnLimit>;

export const TurnNetwork = only({
  Mode: v.picklist(networkModes),
  /** Sentences about the policy, such as that a part of AllowedHosts has no effect. */
  Notes: v.pipe(v.array(text), v.maxLength(maxNotes, `must have at most ${maxNotes} entries`)),
  /** In the order of their first connection. */
  Hosts: v.pipe(v.array(NetworkHost), v.maxLength(maxNetworkHosts, `must have at most ${maxNetworkHosts} entries`)),
  /** The number of connections to hosts that are not listed. */
  OtherAllowed: count,
  OtherRefused: count,
  /** Absent if the job has none. */
  Limits: v.optional(v.pipe(v.array(TurnLimit), v.maxLength(maxLimits, `must have at most ${maxLimits} entries`))),
  /** Whether the job has exited, so that the numbers no longer change. */
  IsFinal: v.boolean(),
});
export type TurnNetwork = v.InferOutput<typeof TurnNetwork>;

export const ReportedNetwork = knownFields({ TaskId: v.string(), TurnIndex: integer, Network: TurnNetwork });
export type ReportedNetwork = v.InferOutput<typeof ReportedNetwork>;

/** The turns that the runner does not run, or not any more. */
export const NetworkResponse = knownFields({
  Rejected: v.array(knownFields({ TaskId: v.string(), TurnIndex: integer })),
});
export type NetworkResponse = v.InferOutput<typeof NetworkResponse>;

/** A line of the turn's log about a host that was refused or observed, the same as in the job's log. */
export function networkLine({ Host, Port, Verdict, Rule, Remedy }: NetworkHost): string {
  const what = Verdict === 'Refused' ? 'refused' : 'observed, would be refused:';
  return printableLine(`plan42: network: ${what} ${formatHostPort(Host, Port)}: ${Rule}. ${Remedy}`);
}

/** Returns the entry of AllowedHosts that would allow a host. Undefined if it is allowed, or no such entry would. */
export function missingEntry({ Host, Port, Code }: Pick<NetworkHost, 'Host' | 'Port' | 'Code'>): string | undefined {
  if (Code !== 'host-not-allowed' && Code !== 'port-not-allowed') return undefined;
  return Port === 443 || Port === 80 ? Host : formatHostPort(Host, Port);
}

/** Whether the runner limits what environments may name, so that an entry there is not enough. */
export function isExcluded({ Remedy }: Pick<NetworkHost, 'Remedy'>): boolean {
  return Remedy.includes('and to egress.allowed of the runner');
}

/** As in `max_tokens: 1,200 of 5,000 tokens`. */
export function describeTurnLimit({ Limit, Unit, Allowed, Used }: TurnLimit): string {
  const amount = amountIn(Unit);
  return printableLine(`${Limit}: ${Used === undefined ? '' : `${amount(Used)} of `}${amount(Allowed)}`);
}

function amountIn(unit: string): (amount: number) => string {
  if (unit === 'seconds') return (amount) => formatDuration(amount * 1000);
  if (unit === 'bytes') return formatBytes;
  return unit === 'cost' ? formatCost : (amount) => `${amount.toLocaleString('en-US')} ${unit}`;
}

const rank = { Refused: 0, Observed: 1, Allowed: 2 };

/** Refusals first, because users look for them; each kind by its count. */
export function hostsInOrder(hosts: readonly NetworkHost[]): NetworkHost[] {
  return hosts.toSorted((a, b) => rank[a.Verdict] - rank[b.Verdict] || b.Count - a.Count);
}

/** Reports of runners on the networks of their jobs: stored for people, with refusals in the log of the turn. */

import { formatHostPort } from '../../lib/host-port.ts';
import { printableLine } from '../../lib/printable.ts';
import type { Turn } from '../../plan42/objects.ts';
import { type NetworkHost, networkLine, type TurnNetwork } from '../../plan42/turn-network.ts';
import type { Store } from '../store/store.ts';
import { isoTime } from './time.ts';
import { appendRunnerLogs } from './turn-logs.ts';
import type { TurnDeps } from './turns.ts';

export type TurnNetworkDeps = TurnDeps & { store: Pick<Store, 'turnNetworks'> };

/**
 * Stores the newest report on a turn. What is new in it becomes entries of the log, so that a repeated report adds nothing. The
 * version of the turn stays, because its agent may be updating the one that it knows.
 */
export function saveTurnNetwork(deps: TurnNetworkDeps, turn: Turn, network: TurnNetwork): void {
  const { store, clock, events } = deps;
  const before = store.turnNetworks.find(turn);
  const Timestamp = isoTime(clock.date());
  const logs = newLines(before, network).map((Message) => ({ Timestamp, Message }));
  store.transaction(() => {
    store.turnNetworks.save(turn, network);
    if (logs.length > 0) appendRunnerLogs(deps, turn, logs);
  });
  if (logs.length > 0) events.emit('turnChanged', turn);
}

/** Lines for the log about what a report has and the previous one did not have. */
export function newLines(before: TurnNetwork | undefined, { Notes, Hosts, OtherRefused }: TurnNetwork): string[] {
  const known = new Map(before?.Hosts.map((host) => [keyOf(host), host.Count]));
  const notes = Notes.filter((note) => before?.Notes.includes(note) !== true);
  const lines = notes.map((note) => printableLine(`plan42: network: ${note}`));
  for (const host of Hosts) {
    if (host.Verdict === 'Allowed') continue;
    const count = known.get(keyOf(host));
    if (count === undefined) lines.push(networkLine(host));
    const magnitude = Math.floor(Math.log10(host.Count));
    if (magnitude > Math.max(0, Math.floor(Math.log10(count ?? 1)))) lines.push(countLine(host));
  }
  if (OtherRefused > 0 && (before?.OtherRefused ?? 0) === 0)
    lines.push('plan42: network: further hosts were refused, which are only counted');
  return lines;
}

function countLine({ Host, Port, Verdict, Count }: NetworkHost): string {
  const name = printableLine(formatHostPort(Host, Port));
  return `plan42: network: ${Verdict.toLowerCase()} ${name} ${Count.toLocaleString('en-US')} times so far`;
}

function keyOf({ Host, Port, Verdict, Code }: NetworkHost): string {
  return JSON.stringify([Host, Port, Verdict, Code]);
}

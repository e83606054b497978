/** Reports of runners on turns, for people and for JSON: the network, and the tokens of models. */
import { formatBytes } from '../../../lib/format-bytes.ts';
import { formatHostPort } from '../../../lib/host-port.ts';
import { mapConcurrently } from '../../../lib/map-concurrently.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { AdminTurn } from '../../../plan42/admin-objects.ts';
import type { UsageSummary } from '../../../plan42/provider-usage.ts';
import type { ListedSubAgent, ListedTurnEvent } from '../../../plan42/turn-messages.ts';
import {
  hostsInOrder,
  isExcluded,
  missingEntry,
  type NetworkHost,
  type TurnNetwork,
} from '../../../plan42/turn-network.ts';

// Another server has none, and each is a call.
const maxTurns = 20;

export type ReportedTurn = AdminTurn & {
  Network?: TurnNetwork;
  Usage?: UsageSummary;
  Events?: ListedTurnEvent[];
  hasEarlierEvents?: boolean;
  SubAgents?: ListedSubAgent[];
};

/** Adds what the runners and agents reported on the newest turns, with all of their messages or the last ones. */
export async function withReports(
  client: AdminClient,
  turns: readonly AdminTurn[],
  { allEvents, signal }: { allEvents: boolean; signal: AbortSignal },
): Promise<ReportedTurn[]> {
  return mapConcurrently(turns, 8, signal, async (turn, bounded) => {
    bounded.throwIfAborted();
    if (turns.indexOf(turn) < turns.length - maxTurns) return turn;
    const { TaskId, TurnIndex } = turn;
    const [Network, Usage, { events: Events, hasEarlier }, SubAgents] = await Promise.all([
      client.getNetwork(TaskId, TurnIndex),
      client.getUsage(TaskId, TurnIndex),
      allEvents
        ? client.listTurnEvents(TaskId, TurnIndex).then((events) => ({ events, hasEarlier: false }))
        : client.newestTurnEvents(TaskId, TurnIndex),
      client.listSubAgents(TaskId, TurnIndex),
    ]);
    return {
      ...turn,
      ...(Network && { Network }),
      ...(Usage && { Usage }),
      ...(Events.length > 0 && { Events }),
      ...(hasEarlier && { hasEarlierEvents: true }),
      ...(SubAgents.length > 0 && { SubAgents }),
    };
  });
}

const maxHosts = 20;

/** Lines for people. Refusals come first. `environment` is that of the task, if the command that changes it is known. */
export function describeNetwork(
  { Mode, Notes, Hosts, OtherAllowed, OtherRefused }: TurnNetwork,
  environment: string | undefined,
): string {
  const sorted = hostsInOrder(Hosts);
  const others = sorted.slice(maxHosts).reduce((sum, { Count }) => sum + Count, OtherAllowed + OtherRefused);
  const entriesOf = (hosts: readonly NetworkHost[]) =>
    [...new Set(hosts.flatMap((host) => missingEntry(host) ?? []))].toSorted();
  const missing = entriesOf(Hosts);
  const excluded = entriesOf(Hosts.filter(isExcluded));
  return [
    ...(Mode === 'None' ? ['not limited'] : []),
    ...(Mode === 'Observe' ? ['only observed: every public host was allowed'] : []),
    ...Notes,
    ...sorted.slice(0, maxHosts).map(describeHost),
    ...(others > 0 ? [`${others} connections to further hosts`] : []),
    ...(missing.length > 0 ? [`To allow them: ${howToAllow(missing, environment)}`] : []),
    ...(excluded.length > 0 ? [`egress.allowed of the runner needs these, too: ${excluded.join(', ')}`] : []),
    ...(Mode === 'Enforce' && Hosts.length + others === 0 ? ['no connections'] : []),
  ]
    .map((line) => printableLine(line))
    .join('\n');
}

function howToAllow(missing: readonly string[], environment: string | undefined): string {
  if (environment === undefined) return `add ${missing.join(', ')} to AllowedHosts of the environment`;
  return `plan42 server environment set ${environment} ${missing.map(option).join(' ')}`;
}

const option = (entry: string) => `--add-host ${/^[\w.:[\]-]+$/.test(entry) ? entry : JSON.stringify(entry)}`;

const countOf = (count: number) => (count === 1 ? 'once' : `${count} times`);

function describeHost({ Host, Port, Verdict, Rule, Count, SentBytes, ReceivedBytes }: NetworkHost): string {
  const bytes = Verdict === 'Refused' ? '' : `, ${formatBytes(SentBytes)} sent, ${formatBytes(ReceivedBytes)} received`;
  return `${Verdict.toLowerCase()} ${formatHostPort(Host, Port)}, ${countOf(Count)}${bytes}: ${Rule}`;
}

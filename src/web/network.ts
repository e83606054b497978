/** The network of a turn in words. */
import { formatBytes } from '../lib/format-bytes.ts';
import type { NetworkHost, TurnNetwork } from '../plan42/turn-network.ts';

/** `Network: 2 hosts refused, 5 reached`. */
export function networkTitle({ Mode, Hosts }: TurnNetwork): string {
  if (Mode === 'None') return 'Network: not limited';
  const refused = Hosts.filter(({ Verdict }) => Verdict === 'Refused').length;
  const observed = Hosts.filter(({ Verdict }) => Verdict === 'Observed').length;
  const reached = Hosts.length - refused;
  const hosts = (count: number) => `${count} ${count === 1 ? 'host' : 'hosts'}`;
  return [
    `Network: ${refused === 0 ? 'no host' : hosts(refused)} refused`,
    `${reached} reached`,
    ...(observed === 0 ? [] : [`of which ${observed} would be refused`]),
  ].join(', ');
}

/** `24 KiB sent, 8.1 MiB received`; empty without any. */
export function transferred({ SentBytes, ReceivedBytes }: NetworkHost): string {
  if (SentBytes + ReceivedBytes === 0) return '';
  return `${formatBytes(SentBytes)} sent, ${formatBytes(ReceivedBytes)} received`;
}

/** Types of the warden in the pod of a gateway. Another room implements them. */
import type { Socket } from 'node:net';
import type { LedgerEntry } from '../models/ledger.ts';
import type { GivenLimits, ReachedLimit } from './channel.ts';
import type { Output } from './output.ts';

/** Holds the limits of a job in the cluster that depend on the calls of models. */
export interface PodWarden {
  /** Takes each call, those before a restart included. */
  take: (entry: LedgerEntry) => void;
  /** Takes the connection of the job's pod. */
  accept: (socket: Socket) => void;
  /** The limit at which the job ends, if it has reached one. */
  reached: () => ReachedLimit | undefined;
}

export interface WardenContext extends Pick<Output, 'writeLine' | 'writeNotice' | 'writeReached'> {
  /** Keeps the state of the warden. */
  folder: string;
  given: GivenLimits;
}

export type CreateWarden = (context: WardenContext) => Promise<PodWarden>;

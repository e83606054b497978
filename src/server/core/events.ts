import { EventEmitter } from 'node:events';
import type { RunnerQueue } from '../../plan42/objects.ts';
import type { TurnKey } from '../store/turns.ts';

/** The events between the parts of the server. Listeners run before `emit` returns. */
export interface ServerEvents {
  queueAdded: [queue: RunnerQueue];
  /** A queue starts to get work. */
  queueUsable: [queue: RunnerQueue];
  /** A queue stops getting work, or was deleted. */
  queueUnusable: [queue: RunnerQueue, reason: 'unhealthy' | 'draining' | 'deleted'];
  /** A poll has begun and takes its messages after this. `isFirst`: the queue has not been polled before. */
  queuePolled: [isFirst: boolean];
  /** These turns were on their way to a runner that has restarted. */
  turnsLost: [turns: string[]];
  turnAdded: [turn: TurnKey];
  /** A change that decides whether and where turns can be sent. */
  turnsToSend: [];
  /** Tasks of workstreams may start. */
  workstreamsChanged: [];
  /** A turn has new logs or a new status. */
  turnChanged: [turn: TurnKey];
  /** A turn has a new message, or a sub-agent of it has ended. */
  turnEventAdded: [turn: TurnKey];
}

export type Events = EventEmitter<ServerEvents>;

export function createEvents(): Events {
  // Every stream adds a listener.
  return new EventEmitter<ServerEvents>().setMaxListeners(0);
}

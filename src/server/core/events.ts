import { EventEmitter } from 'node:events';
import type { RunnerQueue } from '../store/runner-queues.ts';
import type { TurnKey } from '../store/turns.ts';

/** What the parts of the server tell each other. Listeners run before `emit` returns. */
export interface ServerEvents {
  queueAdded: [queue: RunnerQueue];
  /** A queue went from getting no work to getting some. */
  queueUsable: [queue: RunnerQueue];
  /** A queue gets no more work, or no longer exists. */
  queueUnusable: [queue: RunnerQueue, why: 'unhealthy' | 'draining' | 'deleted'];
  turnAdded: [turn: TurnKey];
  /** Something changed that decides whether and where turns can be sent. */
  turnsToSend: [];
  /** A turn has more logs, or its status changed. */
  turnChanged: [turn: TurnKey];
}

export type Events = EventEmitter<ServerEvents>;

export function createEvents(): Events {
  // Every log stream listens.
  return new EventEmitter<ServerEvents>().setMaxListeners(0);
}

import { EventEmitter } from 'node:events';
import type { RunnerQueue } from '../../plan42/objects.ts';
import { type TurnKey, turnName } from '../store/turns.ts';

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

const turnEvents = ['turnChanged', 'turnEventAdded'] as const;
type TurnEventName = (typeof turnEvents)[number];

/** The emitter of the events, with listeners to single turns: with thousands of streams, a change calls those of its turn only. */
export class Events extends EventEmitter<ServerEvents> {
  readonly #ofTurns = new Map<string, Set<() => void>>();

  constructor() {
    super();
    for (const event of turnEvents) this.on(event, (turn) => this.#notify(event, turn));
  }

  /** Calls `listener` at an event of the turn, until the result is disposed. */
  onTurn(event: TurnEventName, turn: TurnKey, listener: () => void): Disposable {
    const name = listName(event, turn);
    const listeners = this.#ofTurns.get(name) ?? new Set();
    this.#ofTurns.set(name, listeners.add(listener));
    return {
      [Symbol.dispose]: () => {
        listeners.delete(listener);
        if (listeners.size === 0 && this.#ofTurns.get(name) === listeners) this.#ofTurns.delete(name);
      },
    };
  }

  #notify(event: TurnEventName, turn: TurnKey): void {
    // A listener may remove itself.
    for (const listener of [...(this.#ofTurns.get(listName(event, turn)) ?? [])]) listener();
  }
}

function listName(event: TurnEventName, turn: TurnKey): string {
  return `${event} ${turnName(turn)}`;
}

export function createEvents(): Events {
  return new Events();
}

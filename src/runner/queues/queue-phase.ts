/**
 * The complete state machine of a queue.
 *
 *     registering ──registered──▶ polling ──drain──▶ draining ──drained──▶ gone
 *          │                         │                   │                  ▲
 *          └────────drain────────────┼──────lost─────────┴──────lost────────┤
 *                                    └──────lost────────────────────────────┘
 */
const transitions = {
  registering: { registered: 'polling', drain: 'gone' },
  polling: { drain: 'draining', lost: 'gone' },
  draining: { drained: 'gone', lost: 'gone' },
  gone: {},
} as const satisfies Record<string, Record<string, string>>;

export type QueuePhase = keyof typeof transitions;
/** Those of queues that may exist on the server. */
export const livePhases = ['registering', 'polling', 'draining'] as const satisfies QueuePhase[];
export type QueueEvent = 'registered' | 'drain' | 'lost' | 'drained';

/** @throws if the event is invalid in this phase, which is a bug */
export function nextPhase(phase: QueuePhase, event: QueueEvent): QueuePhase {
  const next = (transitions[phase] as Partial<Record<QueueEvent, QueuePhase>>)[event];
  if (next === undefined) throw new Error(`invalid event '${event}' in queue phase '${phase}'`);
  return next;
}

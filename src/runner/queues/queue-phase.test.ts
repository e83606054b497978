import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextPhase, type QueueEvent, type QueuePhase } from './queue-phase.ts';

const phases: QueuePhase[] = ['registering', 'polling', 'draining', 'gone'];
const events: QueueEvent[] = ['registered', 'drain', 'lost', 'drained'];
const possible: Record<string, QueuePhase> = {
  'registering registered': 'polling',
  'registering drain': 'gone',
  'polling drain': 'draining',
  'polling lost': 'gone',
  'draining drained': 'gone',
  'draining lost': 'gone',
};

for (const phase of phases) {
  for (const event of events) {
    const next = possible[`${phase} ${event}`];
    test(`${phase}, ${event}: ${next ?? 'can’t be'}`, () => {
      if (next === undefined) assert.throws(() => nextPhase(phase, event), new RegExp(phase));
      else assert.equal(nextPhase(phase, event), next);
    });
  }
}

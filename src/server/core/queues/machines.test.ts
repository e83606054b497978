import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '../../../../test/support/test-clock.ts';
import type { RunnerIdentity } from '../../../plan42/runner-headers.ts';
import { Machines, machineGoneMs } from './machines.ts';

const runner = { TenantID: 't', RunnerID: 'r' };
const queue = (QueueID: string) => ({ ...runner, QueueID });

function identity(instanceId: string, free: number, sequence: number, run = 'aaaaaaaa'): RunnerIdentity {
  return { instanceId, machine: instanceId, slots: { free, max: 4, run, sequence, reason: undefined } };
}

/** A machine with one open poll. */
function polling(who: RunnerIdentity, machines = new Machines(new TestClock()), queueId = who.slots.run) {
  machines.report(runner, who);
  const poll = machines.open(queue(queueId), who);
  const machine = machines.emptiestFirst(runner).find(({ slots }) => slots.run === who.slots.run);
  assert.ok(machine);
  return { machines, poll, id: machine.id };
}

test('a turn on its way takes a slot until the machine has responded', () => {
  const { machines, id } = polling(identity('a', 2, 1));
  machines.give(runner, id, 'one');
  assert.equal(machines.available(runner, id), 1);
  // This poll began before the turn arrived, or after: it may count the turn or not.
  machines.report(runner, identity('a', 2, 2));
  assert.equal(machines.available(runner, id), 1);
  machines.report(runner, identity('a', 1, 3));
  machines.settle(runner, id, 'one', true);
  assert.equal(machines.available(runner, id), 1);
});

test('a response without a report counts the turn all the same, and a rejection frees its slot', () => {
  const { machines, id } = polling(identity('a', 2, 1));
  machines.give(runner, id, 'one');
  machines.settle(runner, id, 'one', true);
  assert.equal(machines.available(runner, id), 1);
  machines.give(runner, id, 'two');
  assert.equal(machines.hasFreeSlots, false);
  machines.settle(runner, id, 'two', false);
  assert.equal(machines.available(runner, id), 1);
});

test('an older report that arrives later is ignored', () => {
  const { machines, id } = polling(identity('a', 0, 5));
  machines.report(runner, identity('a', 4, 4));
  assert.equal(machines.available(runner, id), 0);
});

test('a restarted machine has lost the turns on their way; a copy that runs beside it has not', () => {
  const { machines, poll, id } = polling(identity('a', 2, 9));
  machines.give(runner, id, 'one');
  const copy = identity('a', 3, 1, 'bbbbbbbb');
  assert.deepEqual(machines.report(runner, copy), []);
  polling(copy, machines);
  assert.equal(machines.emptiestFirst(runner).length, 2);
  poll[Symbol.dispose]();
  assert.deepEqual(machines.report(runner, identity('a', 2, 1, 'cccccccc')), ['one']);
  assert.equal(machines.isGone(runner, 'a'), false);
});

test('the turns that a restarted machine has lost keep their slots until they are sent again', () => {
  const { machines, poll, id } = polling(identity('a', 2, 9));
  machines.give(runner, id, 'one');
  poll[Symbol.dispose]();
  const { id: again } = polling(identity('a', 2, 1, 'bbbbbbbb'), machines);
  assert.equal(machines.available(runner, again), 1);
  machines.settle(runner, id, 'one', false);
  assert.equal(machines.available(runner, again), 1);
  machines.release(runner, 'one');
  assert.equal(machines.available(runner, again), 2);
});

test('a machine is gone after five minutes without a poll, also if it has not polled since the start', async () => {
  const clock = new TestClock();
  const { machines, poll } = polling(identity('a', 2, 1), new Machines(clock));
  await clock.advance(machineGoneMs);
  assert.deepEqual([machines.isGone(runner, 'a'), machines.isGone(runner, 'unknown')], [false, true]);
  poll[Symbol.dispose]();
  assert.equal(machines.isGone(runner, 'a'), false);
  await clock.advance(machineGoneMs);
  assert.equal(machines.isGone(runner, 'a'), true);
});

test('a queue without reports is known as such once it is polled', () => {
  const machines = new Machines(new TestClock());
  assert.deepEqual([machines.isKnown(queue('q')), machines.isWithoutReports(queue('q'))], [false, false]);
  machines.open(queue('q'), undefined);
  assert.deepEqual([machines.isKnown(queue('q')), machines.isWithoutReports(queue('q'))], [true, true]);
  machines.closeQueue(queue('q'));
  assert.equal(machines.isKnown(queue('q')), false);
});

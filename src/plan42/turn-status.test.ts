import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastTurnWord, taskWord, turnWord } from './turn-status.ts';

test('a task and its last turn have one word, wherever they are shown', () => {
  const word = (State: string, Status: string, EndedBy?: string) => {
    const task = { State, LastTurnIndex: 2, LastTurnStatus: Status, LastTurnEndedBy: EndedBy };
    const turn = turnWord({ TurnIndex: 2, Status, EndedBy }, task);
    assert.equal(lastTurnWord(task), turn);
    return [taskWord(task), turn];
  };
  assert.deepEqual(word('Failed', 'Failed'), ['Failed', 'Failed']);
  assert.deepEqual(word('Failed', 'Failed', 'User'), ['Cancelled', 'Cancelled']);
  assert.deepEqual(word('Pending', 'Pending'), ['Pending', 'Pending']);
  assert.deepEqual(word('Executing', 'Pending'), ['Executing', 'Starting']);
  assert.deepEqual(word('Executing', 'Cloning'), ['Executing', 'Cloning']);
  assert.deepEqual(word('Awaiting Code Review', 'Completed'), ['Awaiting Code Review', 'Completed']);
});

test('a task without a turn has no status of one, and an earlier turn is not that of the task', () => {
  assert.equal(lastTurnWord({ State: 'Pending' }), undefined);
  const task = { State: 'Executing', LastTurnIndex: 2, LastTurnStatus: 'Pending' };
  assert.equal(turnWord({ TurnIndex: 1, Status: 'Pending' }, task), 'Pending');
});

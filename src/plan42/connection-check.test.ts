import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainFailedCheck } from './connection-check.ts';

const checked = { name: 'work', id: 'C', runner: 'R' };
const set = 'plan42 runner config set github.work';
const setToken = `${set}.token --from-file token.txt`;

test('the remedy of the server is separate from the problem', () => {
  const message = 'cannot list the organisations of the connection work: Bad credentials. Set another one.';
  assert.deepEqual(explainFailedCheck({ status: 502, message, remedy: 'Set another one.' }, checked), {
    problem: 'Bad credentials',
    remedy: 'Set another one.',
  });
  const cut = { status: 502, message: message.slice(0, -5), remedy: 'Set another one.' };
  assert.match(explainFailedCheck(cut, checked)?.problem ?? '', /^Bad credentials\. Set/);
});

test('a problem that an older server reports has a remedy', () => {
  const explained = (status: number, message: string) => {
    const { problem, remedy } = explainFailedCheck({ status, message }, checked) ?? {};
    return [problem, remedy];
  };
  const noTable = 'the configuration of the runner R does not have the connection';
  const onMachine = 'On its machine, run:';
  const doctor = 'On the machine of the runner, run: plan42 runner doctor';
  assert.deepEqual(explained(504, 'x'), ['x', `Start the runner R. ${onMachine} plan42 runner status`]);
  assert.deepEqual(explained(404, 'github connection C not found'), [
    noTable,
    `${onMachine} ${set}.connection_id=C && ${setToken}`,
  ]);
  assert.deepEqual(explained(400, 'missing github token for connection C'), [
    'the runner R has no token for it',
    `${onMachine} ${setToken}`,
  ]);
  assert.match(explained(400, 'x')[1] ?? '', /^Delete the connection/);
  assert.deepEqual(explained(502, 'Bad credentials'), ['Bad credentials', doctor]);
  assert.deepEqual(explained(401, 'x'), [undefined, undefined]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePrintedService } from './launchctl-print.ts';

const printed = (lines: string[]) => `gui/501/ai.plan42.runner = {\n${lines.map((line) => `\t${line}\n`).join('')}}\n`;

test('only the service’s own lines are parsed', () => {
  const text = printed([
    'state = running',
    'environment = {',
    '\tpid = 1',
    '\tstate = odd',
    '}',
    'pid = 4711',
    'last exit code = (never exited)',
  ]);
  assert.deepEqual(parsePrintedService(text), {
    state: 'running',
    pid: 4711,
    lastExitCode: undefined,
    lastSignal: undefined,
  });
});

test('the exit status is parsed, with and without the name that newer systems add', () => {
  for (const code of ['3', '3: ENOSUCH']) {
    const { state, pid, lastExitCode } = parsePrintedService(
      printed(['state = spawn scheduled', `last exit code = ${code}`]),
    );
    assert.deepEqual([state, pid, lastExitCode], ['spawn scheduled', undefined, 3]);
  }
  const killed = parsePrintedService(printed(['state = not running', 'last terminating signal = Killed: 9']));
  assert.deepEqual([killed.lastExitCode, killed.lastSignal], [undefined, 'Killed: 9']);
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeRecord } from '../../test/support/job-record.ts';
import { describeExit } from './outcome.ts';

const record = makeRecord();
const exit = { exitCode: 0, endedAt: new Date(), outOfMemory: false, startError: undefined };

describe('the message for a job that ended with', () => {
  const cases: [name: string, text: string, expected: RegExp][] = [
    ['exit code 0', describeExit(record, exit, 'host-1'), /exit code 0\b/],
    ['exit code 3', describeExit(record, { ...exit, exitCode: 3 }, 'host-1'), /exit code 3\b/],
    [
      'an unreachable server',
      describeExit(record, { ...exit, exitCode: 1 }, 'host-1', {
        unreachable: { reason: 'no way', remedy: 'Open one.' },
      }),
      /exit code 1 without finishing its turn\. It cannot reach the server: no way\. Open one\. Its log/,
    ],
    ['SIGKILL', describeExit(record, { ...exit, exitCode: 137 }, 'host-1'), /SIGKILL.*137/],
    ['SIGTERM', describeExit(record, { ...exit, exitCode: 143 }, 'host-1'), /SIGTERM.*143/],
    ['an exit code that is no signal', describeExit(record, { ...exit, exitCode: 255 }, 'host-1'), /exit code 255\b/],
    ['a kill', describeExit({ ...record, killed: true }, { ...exit, exitCode: 137 }, 'host-1'), /killed by user/],
    ['no memory', describeExit(record, { ...exit, exitCode: 137, outOfMemory: true }, 'host-1'), /out of memory/],
    [
      'no memory for one process',
      describeExit(record, { ...exit, exitCode: 9, outOfMemory: true }, 'host-1'),
      /^A process .*out of memory.*exit code 9\b/,
    ],
    ...(
      [
        [
          undefined,
          undefined,
          /gone and its exit code is unknown: it may have been killed, or the machine restarted\. /,
        ],
        [undefined, false, /gone and its exit code is unknown: it may have been killed\. /],
        [undefined, true, /^The machine restarted while the agent was running\. /],
        // Terminated by the shutdown, early enough to be observed.
        [143, true, /SIGTERM \(exit code 143\) before it finished its turn, and the machine restarted\. /],
        [143, false, /SIGTERM \(exit code 143\) before it finished its turn\. /],
        [3, true, /exit code 3 without finishing its turn\. /],
      ] as const
    ).map(([exitCode, machineRestarted, expected]): [string, string, RegExp] => [
      `an end with ${exitCode}, restarted: ${machineRestarted}`,
      describeExit(record, { ...exit, exitCode, machineRestarted }, 'host-1'),
      expected,
    ]),
    [
      'an unknown exit code with a known reason',
      describeExit(record, { ...exit, exitCode: undefined, unseenBecause: 'it was dark' }, 'host-1'),
      /gone and its exit code is unknown: it was dark\. /,
    ],
    [
      'no start',
      describeExit(record, { ...exit, exitCode: 127, startError: 'no such file' }, 'host-1'),
      new RegExp(`${record.image}.*no such file`),
    ],
  ];
  for (const [name, text, expected] of cases) {
    test(`${name} names the reason and the log’s location`, () => {
      assert.match(text, expected);
      assert.ok(text.includes('host-1'));
      assert.ok(text.endsWith(`plan42 runner job logs ${record.jobId}`));
      assert.doesNotMatch(text, /\n/);
    });
  }
});

test('the command for the log finds a runner with another state folder', () => {
  const text = describeExit(record, exit, 'host-1', { stateDirOption: "--state-dir '/a b' " });
  assert.ok(text.endsWith(`plan42 runner job logs --state-dir '/a b' ${record.jobId}`));
});

test('the command for the log of a runner in a pod is run in that pod', () => {
  const text = describeExit(record, exit, 'runner-1', { commandPrefix: 'kubectl exec runner-1 -- ' });
  assert.ok(text.endsWith(`Its log is on runner-1: kubectl exec runner-1 -- plan42 runner job logs ${record.jobId}`));
});

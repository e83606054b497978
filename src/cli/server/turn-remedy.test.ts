import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeRecord } from '../../../test/support/job-record.ts';
import { describeRefused } from '../../gateway/refused.ts';
import { describeExit, describeFailure } from '../../jobs/outcome.ts';
import type { NetworkHost } from '../../plan42/turn-network.ts';
import { pullByPolicy } from '../../runtimes/engine/pull.ts';
import type { PullPolicy } from '../../runtimes/runtime.ts';
import { personalWords } from './task-words.ts';
import { turnRemedy } from './turn-remedy.ts';

const exit = { exitCode: 1, endedAt: new Date(), outOfMemory: false, startError: undefined };

async function pullFailure(policy: PullPolicy, isLocal: boolean, image = 'x'): Promise<string> {
  const pull = async () => ({ exitCode: 1, stdout: '', stderr: 'Error: no such host' });
  const findLocal = async () => (isLocal ? { isNamedLocal: false, isMadeHere: false } : undefined);
  const error = await pullByPolicy(image, policy, { findLocal, pull }).catch((reason: unknown) => reason);
  return describeFailure(error, 'host-1');
}

test('another try is suggested only for failures that it can fix', async () => {
  const messages: [message: string, remedy: RegExp][] = [
    [describeExit(makeRecord(), exit, 'host-1'), /^Try again with "plan42 server turn create t /],
    ['cancelled by user', /^Try again/],
    ['no heartbeat from the agent for 5 min', /^Try again/],
    ['', /^Try again/],
    [await pullFailure('always', false), /^Fix the cause and run "plan42 server turn create t .*, or create a task/],
    [await pullFailure('always', true), /^Change images\.pull_policy on the runner, then run /],
    [await pullFailure('never', false), /^Change images\.pull_policy/],
    [await pullFailure('always', false, 'localhost/x'), /^Fix the cause and run /],
    [describeExit(makeRecord(), { ...exit, startError: 'exec format error' }, 'host-1'), /^Fix the cause/],
    ["invalid Docker image: invalid tag: 'x y'", /^Fix the cause/],
    ["the image 'x' is not allowed on this runner (images.allowed)", /^Fix the cause/],
    ['the environment of the task was deleted', /^Create a new task/],
  ];
  for (const [message, remedy] of messages) assert.match(turnRemedy('t', message), remedy, message);
});

test('a refused host is allowed by another turn, if the environment is that of the task', () => {
  const refusal = { host: 'a.example', port: 443, rule: 'no entry allows this host' };
  const remedy = 'If agents may reach it, add "a.example" to AllowedHosts of the environment.';
  const message = `the agent failed.${describeRefused([{ ...refusal, remedy }])}`;
  assert.equal(
    turnRemedy('t', message, { words: personalWords }),
    'To allow a.example, run "plan42 run --turn t --allow a.example PROMPT". Otherwise, try again with "plan42 task turn t PROMPT".',
  );
  assert.match(turnRemedy('t', message), /^Try again with "plan42 server turn create t /);
});

test('hosts that the server knows to be refused are named, also if the agent does not name them', () => {
  const host = (Host: string, Port: number, Remedy = '', Code = 'host-not-allowed') =>
    ({ Host, Port, Verdict: 'Refused', Code, Rule: '', Remedy, Count: 1, SentBytes: 0, ReceivedBytes: 0 }) as const;
  const remedy = (...refused: NetworkHost[]) => turnRemedy('t', 'failed', { words: personalWords, refused });
  assert.match(
    remedy(
      host('a.example', 443),
      host('a.example', 80),
      host('b.example', 8443),
      host('10.0.0.1', 80, '', 'address-not-allowed'),
    ),
    /^To allow a\.example, b\.example:8443, run "plan42 run --turn t --allow a\.example --allow b\.example:8443 PROMPT"\./,
  );
  assert.match(
    remedy(host('a.example', 443, 'add it there and to egress.allowed of the runner.')),
    /^To allow a\.example, add it to egress\.allowed of the runner, then run "/,
  );
  assert.match(remedy(host('x;reboot', 443), { ...host('b.example', 443), Verdict: 'Observed' }), /^Try again/);
});

test('an image that exists only on this machine names the setting', async () => {
  assert.equal(
    await pullFailure('always', true),
    'cannot pull the image x: no such host (the image is on this machine: to use it, set images.pull_policy to "if-not-present").',
  );
});

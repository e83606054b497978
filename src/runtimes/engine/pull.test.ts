import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PullPolicy } from '../runtime.ts';
import { type LocalImage, pullByPolicy } from './pull.ts';

const unreachable = 'Error: dial tcp: lookup registry.example: no such host';
const missing = 'Error response from daemon: manifest for a:1 not found: manifest unknown: manifest unknown';
const denied =
  'Error response from daemon: pull access denied for a, repository does not exist or may require ‘docker login’';
const helper = 'error getting credentials - err: exec: "docker-credential-x": executable file not found in $PATH';

const built: LocalImage = { isNamedLocal: false, isMadeHere: true };
const pulled: LocalImage = { isNamedLocal: false, isMadeHere: false };
const named: LocalImage = { isNamedLocal: true, isMadeHere: false };

interface Given {
  image?: string;
  policy: PullPolicy;
  local?: LocalImage;
  /** Output of a pull that fails. */
  error?: string;
}

async function pull({ image = 'a:1', policy, local, error }: Given) {
  let pulls = 0;
  const result = await pullByPolicy(image, policy, {
    findLocal: async () => local,
    pull: async () => {
      pulls += 1;
      return { exitCode: error === undefined ? 0 : 1, stdout: '', stderr: error ?? '' };
    },
  }).catch((reason: Error) => reason.message);
  return { result, pulls };
}

test('an image that exists only on this machine is used with every policy', async () => {
  for (const policy of ['never', 'if-not-present'] as const)
    assert.deepEqual(await pull({ policy, local: built }), { result: {}, pulls: 0 });
  for (const error of [missing, denied]) {
    const used = { result: { localOnly: 'no registry has it' }, pulls: 1 };
    assert.deepEqual(await pull({ policy: 'always', local: built, error }), used, error);
  }
  for (const image of ['localhost/a', 'a'])
    assert.deepEqual(await pull({ image, policy: 'always', local: named, error: unreachable }), {
      result: { localOnly: 'its name is local' },
      pulls: 0,
    });
});

test('with "always", an image that a registry had, or may have, is not used without it', async () => {
  const hint = /\(the image is on this machine: to use it, set images\.pull_policy to "if-not-present"\)$/;
  for (const [local, error] of [
    [pulled, missing],
    [pulled, unreachable],
    [built, unreachable],
    [built, helper],
  ] as const) {
    const { result } = await pull({ policy: 'always', local, error });
    assert.match(String(result), /^cannot pull the image a:1: /, error);
    assert.match(String(result), hint, error);
  }
});

test('the error of a missing image names the remedy', async () => {
  assert.match(
    String((await pull({ policy: 'if-not-present', error: missing })).result),
    /^cannot pull the image a:1: manifest for a:1 not found.*\(check its name, log in to its registry, or build it on this machine\)$/,
  );
  assert.match(
    String((await pull({ policy: 'never' })).result),
    /"never": build or pull it, or set images\.pull_policy/,
  );
  for (const policy of ['always', 'if-not-present'] as const) {
    const { result, pulls } = await pull({ image: 'localhost/a', policy });
    assert.match(String(result), /^the image localhost\/a is not on this machine, .*: build it with this name$/);
    assert.equal(pulls, 0);
  }
});

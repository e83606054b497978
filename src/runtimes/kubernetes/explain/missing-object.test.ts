import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remedyForMissing, remedyForPullSecret } from './missing-object.ts';
import { explainStart } from './start-problem.ts';

test('a missing object is named with its namespace and the command that creates it', () => {
  const cases: [string, string | undefined][] = [
    [
      'secret "tokens" not found',
      'Create the Secret tokens, which kubernetes.pod_template names: kubectl --namespace agents create secret generic tokens --from-file=KEY=FILE',
    ],
    [
      'MountVolume.SetUp failed for volume "v" : configmap "settings" not found',
      'Create the ConfigMap settings, which kubernetes.pod_template names: kubectl --namespace agents create configmap settings --from-file=KEY=FILE',
    ],
    [
      "couldn't find key API_KEY in Secret agents/tokens",
      'Add the key API_KEY to it: kubectl --namespace agents edit secret tokens',
    ],
    [
      `secret "plan42-${'a'.repeat(20)}-0" not found`,
      'Start the task again: the Secret of its request was removed from the cluster.',
    ],
    [
      'secret "plan42-runner" not found',
      'Create the Secret plan42-runner, which kubernetes.pod_template names: kubectl --namespace agents create secret generic plan42-runner --from-file=KEY=FILE',
    ],
    ['something else', undefined],
  ];
  for (const [words, remedy] of cases) assert.equal(remedyForMissing(words, 'agents'), remedy);
});

test('a pull that is denied without its Secret is explained by the Secret', () => {
  const message =
    'Unable to retrieve some image pull secrets (registry, other); attempting to pull the image may not succeed.';
  const involvedObject = { kind: 'Pod', name: 'p' };
  const event = { type: 'Warning', reason: 'FailedToRetrieveImagePullSecret', message, involvedObject };
  const remedy =
    'Create the pull secret registry: kubectl --namespace agents create secret docker-registry registry --from-file=.dockerconfigjson=FILE';
  assert.equal(remedyForPullSecret([event], 'agents'), remedy);
  assert.equal(remedyForPullSecret([], 'agents'), undefined);
  const waiting = { reason: 'ErrImagePull', message: 'Failed to pull image "r/a:1": 403 Forbidden' };
  const pod = {
    metadata: { name: 'p', namespace: 'agents' },
    status: { containerStatuses: [{ name: 'agent', image: 'r/a:1', state: { waiting } }] },
  };
  assert.deepEqual(explainStart({ job: {}, pod, events: [event] }), {
    ...{ reason: 'cannot pull the image r/a:1: 403 Forbidden', isFinal: true, remedy },
  });
});

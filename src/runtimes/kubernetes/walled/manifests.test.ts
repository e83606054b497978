import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGatewayPod, buildGatewaySecret, buildPolicies } from './manifests.ts';

const job = { name: 'plan42-abc', uid: 'job-uid' };
const ofJob = { apiVersion: 'batch/v1', kind: 'Job', ...job };
const content = { job, instanceId: 'i' };

test('the agent’s pod reaches the port of its gateway only, and no other pod reaches either', () => {
  const [agent, gateway] = buildPolicies(content, 'pod-uid');
  assert.deepEqual(agent?.spec, {
    podSelector: { matchLabels: { 'plan42.ai/walled': 'plan42-abc' } },
    policyTypes: ['Ingress', 'Egress'],
    egress: [
      {
        to: [{ podSelector: { matchLabels: { 'plan42.ai/gateway-of': 'plan42-abc' } } }],
        ports: [{ protocol: 'TCP', port: 7043 }],
      },
    ],
  });
  assert.deepEqual(gateway?.spec.policyTypes, ['Ingress']);
  assert.deepEqual(gateway?.spec.ingress?.[0]?.from, [
    { podSelector: { matchLabels: { 'plan42.ai/walled': 'plan42-abc' } } },
  ]);
});

test('policies select pods, so that they hold for both families of addresses', () => {
  for (const { spec } of buildPolicies(content, 'pod-uid')) assert.doesNotMatch(JSON.stringify(spec), /ipBlock|cidr/);
});

test('policies stay for as long as the Job or the gateway’s pod does', () => {
  for (const { metadata } of buildPolicies(content, 'pod-uid'))
    assert.deepEqual(metadata.ownerReferences, [
      ofJob,
      { apiVersion: 'v1', kind: 'Pod', name: 'plan42-abc-gateway', uid: 'pod-uid' },
    ]);
});

test('the gateway outlives the agent, and gets from the template what starts pods', () => {
  const pod = buildGatewayPod({
    ...content,
    image: 'r/plan42-runner:1',
    pullPolicy: 'IfNotPresent',
    graceSeconds: 30,
    serviceAccount: 'agents',
    template: {
      metadata: {
        labels: { team: 'a', 'plan42.ai/walled': 'plan42-abc' },
        annotations: { a: 'b', 'plan42.ai/job-id': 'j' },
      },
      spec: {
        containers: [],
        tolerations: [{ key: 'agents' }],
        imagePullSecrets: [{ name: 'registry' }],
        hostNetwork: true,
        volumes: [{ name: 'cache' }],
      },
    },
  });
  assert.equal(pod.spec?.terminationGracePeriodSeconds, 90);
  assert.deepEqual(pod.spec?.tolerations, [{ key: 'agents' }]);
  assert.deepEqual(pod.spec?.imagePullSecrets, [{ name: 'registry' }]);
  assert.equal(pod.spec?.hostNetwork, undefined);
  // A node with both families has two.
  const [{ name, valueFrom } = {}] = pod.spec?.containers[0]?.env ?? [];
  assert.deepEqual([name, valueFrom?.fieldRef?.fieldPath], ['PLAN42_NODE_ADDRESS', 'status.hostIPs']);
  assert.equal(pod.metadata?.labels?.['team'], 'a');
  // The policy of the agent must not select it, and no list of jobs may have it.
  assert.equal(pod.metadata?.labels?.['plan42.ai/walled'], undefined);
  assert.deepEqual(pod.metadata?.annotations, { a: 'b' });
  assert.deepEqual(pod.metadata?.ownerReferences, [ofJob]);
});

test('the Secret of the gateway belongs to the Job', () => {
  const secret = buildGatewaySecret(content, { token: Buffer.from([1, 2]), 'policy.json': '{}' });
  assert.deepEqual(secret.metadata?.ownerReferences, [ofJob]);
  assert.deepEqual(secret.data, { token: 'AQI=', 'policy.json': 'e30=' });
});

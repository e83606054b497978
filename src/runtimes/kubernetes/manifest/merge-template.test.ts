import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { V1PodTemplateSpec } from '@kubernetes/client-node';
import { UserError } from '../../../lib/errors.ts';
import { mergeTemplate } from './merge-template.ts';

const ours: V1PodTemplateSpec = {
  metadata: { labels: { 'plan42.ai/instance': 'abc' } },
  spec: {
    restartPolicy: 'Never',
    nodeSelector: { 'kubernetes.io/arch': 'amd64' },
    containers: [
      {
        name: 'agent',
        image: 'acme/agent',
        command: ['/plan42/start', '/usr/bin/agent-wrapper'],
        env: [
          { name: 'A', value: '1' },
          { name: 'KEY', valueFrom: { secretKeyRef: { name: 'plan42-x-0', key: 'env.KEY' } } },
        ],
        resources: { limits: { cpu: '4000m', memory: '8192Mi' } },
        volumeMounts: [
          { name: 'plan42-job', mountPath: '/plan42', readOnly: true },
          { name: 'cache', mountPath: '/cache' },
        ],
      },
    ],
    volumes: [{ name: 'plan42-job', projected: { sources: [] } }],
  },
};

const merge = (theirs: unknown) => mergeTemplate(ours, theirs, '/etc/pod.yaml');

test('adds to lists by name and to objects by key', () => {
  const { metadata, spec } = merge({
    metadata: { labels: { team: 'x' } },
    spec: {
      nodeSelector: { pool: 'agents' },
      tolerations: [{ key: 'agents', operator: 'Exists' }],
      imagePullSecrets: [{ name: 'registry' }],
      containers: [
        {
          name: 'agent',
          env: [
            { name: 'B', value: '2' },
            { name: 'A', value: '1' },
          ],
          resources: { requests: { cpu: '500m' } },
          volumeMounts: [{ name: 'cache', mountPath: '/cache' }],
        },
        { name: 'sidecar', image: 'acme/sidecar' },
      ],
      volumes: [{ name: 'cache', emptyDir: {} }],
    },
  });
  assert.deepEqual(metadata?.labels, { 'plan42.ai/instance': 'abc', team: 'x' });
  assert.deepEqual(spec?.nodeSelector, { 'kubernetes.io/arch': 'amd64', pool: 'agents' });
  const [agent, sidecar] = spec?.containers ?? [];
  assert.deepEqual(
    agent?.env?.map(({ name }) => name),
    ['A', 'KEY', 'B'],
  );
  assert.deepEqual(agent?.resources, { limits: { cpu: '4000m', memory: '8192Mi' }, requests: { cpu: '500m' } });
  assert.deepEqual(
    agent?.volumeMounts?.map(({ mountPath }) => mountPath),
    ['/plan42', '/cache'],
  );
  assert.equal(sidecar?.image, 'acme/sidecar');
  assert.deepEqual(
    spec?.volumes?.map(({ name }) => name),
    ['plan42-job', 'cache'],
  );
});

test('removes by null and by $patch', () => {
  const { spec } = merge({
    spec: {
      nodeSelector: { $patch: 'replace', pool: 'agents' },
      containers: [
        {
          name: 'agent',
          resources: { limits: { cpu: null } },
          volumeMounts: [{ mountPath: '/cache', $patch: 'delete' }],
        },
      ],
    },
  });
  assert.deepEqual(spec?.nodeSelector, { pool: 'agents' });
  assert.deepEqual(spec?.containers[0]?.resources, { limits: { memory: '8192Mi' } });
  assert.deepEqual(spec?.containers[0]?.volumeMounts?.length, 1);
});

const agent = (fields: object) => ({ spec: { containers: [{ name: 'agent', ...fields }] } });

const refused: [string, unknown, RegExp][] = [
  ['a list', [], /it is not an object/],
  ['a whole pod', { kind: 'Pod', spec: {} }, /it has the key kind/],
  ['another restart policy', { spec: { restartPolicy: 'OnFailure' } }, /it changes restartPolicy/],
  ['another command', agent({ command: ['/bin/sh'] }), /it changes the command/],
  ['arguments', agent({ args: ['x'] }), /it changes the command/],
  ['another image', agent({ image: 'other' }), /it changes the image/],
  ['no agent', { spec: { containers: [{ $patch: 'replace' }, { name: 'x' }] } }, /it changes the image/],
  ['a mount over ours', agent({ volumeMounts: [{ name: 'x', mountPath: '/plan42/ca' }] }), /changes the mount/],
  ['our volume', { spec: { volumes: [{ name: 'plan42-job', $patch: 'delete' }] } }, /changes the volume/],
  ['our label', { metadata: { labels: { 'plan42.ai/instance': 'x' } } }, /changes a label/],
  ['an item without a name', { spec: { volumes: [{ emptyDir: {} }] } }, /spec\.volumes\[0\] has no name/],
  ['a text in place of a list', { spec: { containers: 'agent' } }, /spec\.containers is not a list/],
  [
    'a variable of jobs.env',
    agent({ env: [{ name: 'KEY', value: 'x' }] }),
    /it changes the variable KEY of the container "agent", which jobs\.env sets/,
  ],
  ['a variable of ours', agent({ env: [{ name: 'A', value: '3' }] }), /the variable A .*, which the runner sets/],
  ['no variable of ours', agent({ env: [{ name: 'A', $patch: 'delete' }] }), /the variable A .* the runner sets/],
  ['an unknown directive', { spec: { $patch: 'merge-all' } }, /spec has an unknown \$patch/],
];
for (const [name, template, pattern] of refused) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => merge(template),
      (error) => error instanceof UserError && pattern.test(error.message) && error.remedy !== undefined,
    );
  });
}

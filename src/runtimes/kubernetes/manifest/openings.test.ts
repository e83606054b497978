import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeTemplate } from './merge-template.ts';
import { findOpenings } from './openings.ts';

const ours = {
  spec: {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'agent',
        image: 'i',
        volumeMounts: [],
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'], add: ['CHOWN', 'SETUID'] },
        },
      },
    ],
  },
};

const openingsOf = (spec: object) => {
  const theirs = { spec };
  return findOpenings(mergeTemplate(ours, theirs, '/etc/pod.yaml'), ours, theirs);
};
const agent = (fields: object) => ({ containers: [{ name: 'agent', ...fields }] });
const secure = (securityContext: unknown) => agent({ securityContext });

test('an ordinary template opens nothing', () => {
  const found = openingsOf({
    nodeSelector: { pool: 'agents' },
    securityContext: { runAsUser: 1000 },
    ...secure({ capabilities: { add: ['CHOWN'] }, readOnlyRootFilesystem: true }),
    volumes: [
      { name: 'cache', emptyDir: {} },
      { name: 'unused', hostPath: { path: '/' } },
    ],
    initContainers: [{ name: 'setup', image: 'x' }],
  });
  assert.deepEqual(found, []);
});

const cases: [what: string, spec: object, field: string, opens: RegExp, breaksWall: boolean][] = [
  ...['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace'].map(
    (name): [string, object, string, RegExp, boolean] => [name, { [name]: true }, `${name}: true`, /^agents /, true],
  ),
  [
    'a folder of the node',
    {
      ...agent({ volumeMounts: [{ name: 'node', mountPath: '/node' }] }),
      volumes: [{ name: 'node', hostPath: { path: '/var/run' } }],
    },
    'hostPath.path: /var/run of the volume "node"',
    /^agents get \/var\/run of the node$/,
    true,
  ],
  [
    'a folder of the node for another container',
    {
      containers: [{ name: 'logs', image: 'l', volumeMounts: [{ name: 'node', mountPath: '/node' }] }],
      volumes: [{ name: 'node', hostPath: { path: '/var/log' } }],
    },
    'hostPath.path: /var/log of the volume "node"',
    /^the container "logs" gets \/var\/log of the node$/,
    false,
  ],
  [
    'a capability of networks',
    secure({ capabilities: { add: ['CHOWN', 'CAP_NET_ADMIN'] } }),
    'securityContext.capabilities.add: ["CHOWN","CAP_NET_ADMIN"] of the container "agent"',
    /^agents get the capabilities NET_ADMIN in addition to jobs\.capabilities$/,
    true,
  ],
  [
    'a harmless capability',
    secure({ capabilities: { add: ['KILL'] } }),
    'securityContext.capabilities.add: ["KILL"] of the container "agent"',
    /KILL/,
    false,
  ],
  [
    'default capabilities',
    secure({ capabilities: { drop: null } }),
    'securityContext.capabilities.drop: null of the container "agent"',
    /default capabilities/,
    false,
  ],
  [
    'everything',
    secure({ privileged: true }),
    'securityContext.privileged: true of the container "agent"',
    /everything on the node/,
    true,
  ],
  [
    'privileges',
    secure({ allowPrivilegeEscalation: true }),
    'securityContext.allowPrivilegeEscalation: true of the container "agent"',
    /can gain privileges/,
    true,
  ],
  [
    'no profile',
    { securityContext: { seccompProfile: { type: 'Unconfined' } } },
    'securityContext.seccompProfile.type: Unconfined',
    /every system call/,
    false,
  ],
  [
    'no profile of the agent',
    secure({ seccompProfile: { type: 'Unconfined' } }),
    'securityContext.seccompProfile.type: Unconfined of the container "agent"',
    /every system call/,
    false,
  ],
  ['no security context of the pod', { securityContext: null }, 'securityContext: null', /every system call/, false],
  [
    'a token',
    { automountServiceAccountToken: true },
    'automountServiceAccountToken: true',
    /token of their service account/,
    false,
  ],
  [
    'a token as a volume',
    { volumes: [{ name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }] },
    'the volume "token"',
    /token of their service account/,
    false,
  ],
  [
    'a privileged container beside the agent',
    { containers: [{ name: 'docker', image: 'dind', securityContext: { privileged: true } }] },
    'securityContext.privileged: true of the container "docker"',
    /^the container "docker" can do everything/,
    false,
  ],
  [
    'a program in the container of the agent',
    agent({ lifecycle: { postStart: { exec: { command: ['sh'] } } } }),
    'lifecycle.postStart.exec: {"command":["sh"]} of the container "agent"',
    /outside of the filters/,
    true,
  ],
];
for (const [what, spec, field, opens, breaksWall] of cases) {
  test(`finds ${what}, and its field`, () => {
    const [found, ...others] = openingsOf(spec);
    assert.deepEqual(others, []);
    assert.equal(found?.field, field);
    assert.match(found?.opens ?? '', opens);
    assert.equal(found?.breaksWall, breaksWall);
  });
}

test('names what removed the security context of the agent', () => {
  for (const [securityContext, field] of [
    [null, 'securityContext: null of the container "agent"'],
    [{ $patch: 'replace' }, 'securityContext: { $patch: replace } of the container "agent"'],
  ] as const) {
    const found = openingsOf(secure(securityContext));
    assert.deepEqual(
      found.map((opening) => opening.field),
      [field, field],
    );
    assert.match(found.map(({ opens }) => opens).join(), /gain privileges.*default capabilities/);
  }
});

test('a template of wrong types is left to the API server', () => {
  for (const spec of [{ volumes: [{ name: 'x', hostPath: 3 }] }, { initContainers: 'x' }, { securityContext: {} }])
    openingsOf(spec);
});

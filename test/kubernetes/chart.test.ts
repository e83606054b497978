/** The chart, and the plain manifests that are made from it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { parseConfig } from '../../src/config/parse.ts';
import { eventually } from '../support/eventually.ts';
import type { Json } from '../support/json.ts';
import { agentImage, loadAgentImages } from '../support/kubernetes/agent-image.ts';
import { create } from '../support/kubernetes/apply.ts';
import { requiresCluster } from '../support/kubernetes/cluster.ts';
import { chart, helm, type Manifest, parseManifests, render, requiresHelm } from '../support/kubernetes/helm.ts';
import { definePodMonitors } from '../support/kubernetes/pod-monitors.ts';

const plainFolder = join(chart, '../../kubernetes');
const image = { repository: 'registry.example.com/team/plan42-runner', tag: '1.2.3' };

function find(manifests: readonly Manifest[], kind: string): Json {
  return manifests.find((manifest) => manifest.kind === kind) as Json;
}

/** Without the classes of the YAML reader. */
const plain = (content: Json): Json => JSON.parse(JSON.stringify(content));

const valueSets: Record<string, object> = {
  'nothing but the image': { image },
  everything: {
    image: { repository: 'registry.example.com:5000/runner', digest: `sha256:${'a'.repeat(64)}`, pullPolicy: 'Always' },
    imagePullSecrets: [{ name: 'registry' }],
    server: { url: 'https://plan42.example.com:7042' },
    secret: { name: 'other', tokenKey: 'key' },
    config: { jobs: { cpus: 0.5, max_jobs: 3 }, limits: { max_duration: '1h' }, kubernetes: { start_timeout: '5m' } },
    podTemplate: { spec: { nodeSelector: { pool: 'agents' }, imagePullSecrets: [{ name: 'registry' }] } },
    agents: { serviceAccount: { create: true, imagePullSecrets: [{ name: 'registry' }] } },
    serviceAccount: { create: true, annotations: { team: 'a' } },
    terminationGracePeriodSeconds: 90,
    podDisruptionBudget: { enabled: true, maxUnavailable: '50%' },
    podMonitor: { enabled: true, interval: '1m30s', labels: { release: 'prometheus' } },
    resources: { limits: { memory: '1Gi' } },
    state: { persistentVolumeClaim: 'state' },
    health: { port: 8080 },
    podAnnotations: { a: 'b' },
    podLabels: { c: 'd' },
    nodeSelector: { pool: 'system' },
    tolerations: [{ key: 'system', operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    priorityClassName: 'system-cluster-critical',
    extraEnv: [{ name: 'HTTPS_PROXY', value: 'http://proxy.example.com:3128' }],
    extraVolumes: [{ name: 'ca', configMap: { name: 'ca' } }],
    extraVolumeMounts: [{ name: 'ca', mountPath: '/etc/company' }],
  },
  'as little as possible': {
    image,
    configSecret: 'runner-config',
    serviceAccount: { create: false, name: 'existing' },
    agents: { serviceAccount: { create: false } },
    podDisruptionBudget: { enabled: false },
  },
};

suite('the chart', { concurrency: false }, () => {
  test('the API server accepts all objects, whatever the values', async (t) => {
    if (!(await requiresHelm(t))) return;
    const cluster = await requiresCluster(t);
    if (!cluster) return;
    const namespace = 'charts';
    await cluster.admin.request('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
    await definePodMonitors(cluster.admin);
    for (const [name, values] of Object.entries(valueSets)) {
      const manifests = await render(namespace, values);
      assert.ok(manifests.length >= 4, name);
      for (const manifest of manifests) {
        assert.equal(manifest.metadata.namespace, namespace, `${manifest.kind} of ${name}`);
        await create(cluster.admin, manifest, { dryRun: 'All' });
      }
    }
  });

  test('the pod is restricted, as a namespace with that standard demands', async (t) => {
    if (!(await requiresHelm(t))) return;
    const cluster = await requiresCluster(t);
    if (!cluster) return;
    const namespace = 'restricted';
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await cluster.admin.request('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace, labels } } });
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'plan42-runner', namespace } };
    await create(cluster.admin, account);
    const { template } = find(await render(namespace, { image }), 'Deployment').spec;
    const pod = { ...template, metadata: { ...template.metadata, name: 'one' } };
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    await cluster.admin.request('POST', pods, { body: pod, query: { dryRun: 'All' } });
    const [container] = pod.spec.containers;
    const open = { ...pod, spec: { ...pod.spec, containers: [{ ...container, securityContext: {} }] } };
    await assert.rejects(cluster.admin.request('POST', pods, { body: open, query: { dryRun: 'All' } }), {
      status: 403,
    });
  });

  test('what a pod shows without a Secret or its key is in Troubleshooting', async (t) => {
    if (!(await requiresHelm(t))) return;
    const cluster = await requiresCluster(t);
    if (!cluster) return;
    await loadAgentImages(cluster);
    const namespace = 'secrets';
    const base = `/api/v1/namespaces/${namespace}`;
    const { admin } = cluster;
    await admin.request('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
    const secret = (name: string) => ({ metadata: { name }, stringData: { token: 'x' } });
    for (const name of ['plan42-runner', 'empty'])
      await admin.request('POST', `${base}/secrets`, { body: secret(name) });
    const [repository, tag] = agentImage.split(':');
    const ofAgent = { image: { repository, tag, pullPolicy: 'Never' } };
    const complete = { name: 'plan42-runner', stateKeyKey: '' };
    const cases: Record<string, [Json, RegExp]> = {
      'no-secret': [{ secret: { name: 'missing' } }, /secret "missing" not found/],
      'no-key': [{}, /couldn't find key state-key in Secret/],
      'no-config': [{ secret: complete, configSecret: 'missing' }, /secret "missing" not found/],
      'no-config-key': [
        { secret: complete, configSecret: 'empty' },
        /references non-existent secret key: runner\.toml/,
      ],
    };
    for (const manifest of await render(namespace, ofAgent))
      if (['ServiceAccount', 'ConfigMap'].includes(manifest.kind)) await create(admin, manifest);
    for (const [name, [values]] of Object.entries(cases)) {
      const { template } = find(await render(namespace, { ...ofAgent, ...values }), 'Deployment').spec;
      const body = { ...template, metadata: { ...template.metadata, name } };
      await admin.request('POST', `${base}/pods`, { body });
    }
    const seen = async (name: string) => {
      const { status } = await admin.request<Json>('GET', `${base}/pods/${name}`);
      const query = { fieldSelector: `involvedObject.name=${name}` };
      const { items } = await admin.request<{ items: Json[] }>('GET', `${base}/events`, { query });
      const { reason = '', message = '' } = status.containerStatuses?.[0]?.state.waiting ?? {};
      const events = items.map((event) => `${event.reason}: ${event.message}`);
      return { reason, text: [message, ...events].join('\n') };
    };
    for (const [name, [, expected]] of Object.entries(cases)) {
      const isMount = name.startsWith('no-config');
      await eventually(async () => {
        const { reason, text } = await seen(name);
        const isIn = isMount ? /FailedMount: /.test(text) : reason === 'CreateContainerConfigError';
        return isIn && expected.test(text);
      }, 120_000).catch(async (error: unknown) => {
        throw new Error(`${name}: ${JSON.stringify(await seen(name))}`, { cause: error });
      });
    }
    for (const name of Object.keys(cases))
      await admin.request('DELETE', `${base}/pods/${name}`, { body: { gracePeriodSeconds: 0 } });
  });

  test('the runner understands the configuration that it renders, and drains before it is killed', async (t) => {
    if (!(await requiresHelm(t))) return;
    for (const values of [valueSets['nothing but the image'], valueSets['everything']]) {
      const manifests = await render('team-a', values ?? {});
      const text: string = find(manifests, 'ConfigMap').data['runner.toml'];
      const { config, problems } = parseConfig({ file: text, env: {}, flags: new Map() });
      assert.deepEqual(problems, []);
      const { terminationGracePeriodSeconds, containers } = find(manifests, 'Deployment').spec.template.spec;
      assert.equal(config.queues.shutdownTimeoutMs, (terminationGracePeriodSeconds - 30) * 1000);
      assert.equal(config.runner.runtime, 'kubernetes');
      assert.equal(config.kubernetes.namespace, 'team-a');
      assert.equal(config.kubernetes.serviceAccount, 'plan42-runner-agent');
      assert.equal(config.health.listen?.port, containers[0].ports[0].containerPort);
    }
  });

  test('what the chart sets counts with the configuration of a Secret too', async (t) => {
    if (!(await requiresHelm(t))) return;
    const podTemplate = { spec: { runtimeClassName: 'gvisor' } };
    const values = { image, configSecret: 'runner-config', podTemplate, server: { url: 'https://plan42.example.com' } };
    const manifests = await render('team-a', values);
    assert.deepEqual(Object.keys(find(manifests, 'ConfigMap').data), ['pod-template.yaml']);
    const { spec } = find(manifests, 'Deployment').spec.template;
    const [container] = spec.containers;
    const variables: [string, string][] = container.env.map(({ name, value }: Json) => [name, value]);
    const env = Object.fromEntries(variables);
    assert.equal(Object.keys(env).length, variables.length);
    const file = [
      '[runner]\nurl = "https://other.example.com"',
      '[kubernetes]\nnamespace = "other"\nservice_account = "plan42-runner"\npod_template = "/other.yaml"',
      '[health]\nlisten = "127.0.0.1:1"',
      '[github.work]\nurl = "https://github.example.com"\ntoken = "secret"',
    ].join('\n');
    const { config, problems } = parseConfig({ file, env, flags: new Map() });
    assert.deepEqual(problems, []);
    assert.equal(config.runner.url.href, 'https://plan42.example.com/');
    assert.equal(config.runner.runtime, 'kubernetes');
    const { namespace, serviceAccount, helperImage, podTemplate: templateFile } = config.kubernetes;
    assert.deepEqual([namespace, serviceAccount, helperImage], ['team-a', 'plan42-runner-agent', container.image]);
    assert.equal(templateFile, '/etc/plan42/pod-template.yaml');
    assert.equal(config.health.listen?.port, container.ports[0].containerPort);
    assert.equal(config.queues.shutdownTimeoutMs, (spec.terminationGracePeriodSeconds - 30) * 1000);
    assert.deepEqual(Object.keys(config.github), ['work']);
    // The token must not go to another server than that of the file.
    const [withoutUrl] = (await render('team-a', { image, configSecret: 'runner-config' }))
      .filter(({ kind }) => kind === 'Deployment')
      .map((deployment: Json) => deployment.spec.template.spec.containers[0].env.map(({ name }: Json) => name));
    assert.ok(!withoutUrl.includes('PLAN42_RUNNER_URL'), withoutUrl.join());
  });

  test('no account has rights of the cluster, and agents have none', async (t) => {
    if (!(await requiresHelm(t))) return;
    const manifests = await render('team-a', { image });
    const kinds = manifests.map(({ kind }) => kind);
    assert.ok(!kinds.some((kind) => kind.startsWith('Cluster')), kinds.join());
    assert.ok(!kinds.includes('Secret'));
    assert.deepEqual(
      manifests
        .filter(({ kind }) => kind === 'ServiceAccount')
        .map((account) => account['automountServiceAccountToken']),
      [false, false],
    );
    assert.deepEqual(plain(find(manifests, 'RoleBinding').subjects), [
      { kind: 'ServiceAccount', name: 'plan42-runner', namespace: 'team-a' },
    ]);
    for (const { verbs, resources, apiGroups } of find(manifests, 'Role').rules)
      for (const list of [verbs, resources, apiGroups]) assert.ok(!list.includes('*'));
  });

  test('replicas get one instance ID and a key, and are refused without a key', async () => {
    const image = ['--set', 'image.repository=r.example/runner'];
    const render = (...more: string[]) => helm('template', 'r', chart, '--namespace', 'ns', ...image, ...more);
    const rendered = await render('--set', 'replicas=2,secret.stateKeyKey=state');
    assert.match(
      rendered,
      /PLAN42_RUNNER_INSTANCE_ID\n\s+value: "[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}"/,
    );
    assert.match(
      rendered,
      /PLAN42_KUBERNETES_STATE_KEY\n\s+valueFrom:\n\s+secretKeyRef:\n\s+name: plan42-runner\n\s+key: state/,
    );
    assert.match(rendered, /type: RollingUpdate/);
    await assert.rejects(render('--set', 'replicas=2,secret.stateKeyKey='), /need secret.stateKeyKey/);
  });

  test('the plain manifests are current', async (t) => {
    if (!(await requiresHelm(t))) return;
    const args = [
      'template',
      'plan42-runner',
      chart,
      '--namespace',
      'plan42',
      '--values',
      join(plainFolder, 'values.yaml'),
    ];
    const rendered = (await helm(...args)).replaceAll('managed-by: Helm', 'managed-by: kubectl');
    const withoutChart = rendered.replaceAll(/^ *(helm\.sh\/chart|app\.kubernetes\.io\/version): .*\n/gm, '');
    const [namespace, ...others] = await parseManifests(
      await readFile(join(plainFolder, 'plan42-runner.yaml'), 'utf8'),
    );
    assert.equal(namespace?.kind, 'Namespace');
    assert.deepEqual(others, await parseManifests(withoutChart), 'Run: deploy/kubernetes/render.sh');
  });
});

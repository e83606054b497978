/** The doctor of a cluster, with the rights of the chart's Role. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { agentImage, bareImage, brokenGatewayImage, loadAgentImages } from '../support/kubernetes/agent-image.ts';
import { startEmptyRegistry } from '../support/kubernetes/broken-start.ts';
import { type Cluster, requiresCluster } from '../support/kubernetes/cluster.ts';
import { enforcePolicies, filterCommands } from '../support/kubernetes/policy-filter.ts';
import { imageCommands, loadRunnerImage } from '../support/kubernetes/runner-image.ts';
import { requiresCommands } from '../support/requires-command.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const plan42 = join(import.meta.dirname, '../../bin/plan42');
const execute = promisify(execFile);
const patienceMs = 120_000;
let images: Promise<void> | undefined;
let runnerImage: ReturnType<typeof loadRunnerImage> | undefined;
let namespaces = 0;

interface Given {
  /** Tables of the configuration, after `[jobs]` with small limits. */
  config?: string;
  /** Keys of `[kubernetes]`. */
  kubernetes?: string;
  /** The pod template. */
  template?: object;
  /** Created in the namespace before. */
  objects?: readonly [path: string, body: object][];
  namespaceLabels?: Record<string, string>;
  /** A group of the API in which the runner gets no rights. */
  without?: string;
}

interface Checked {
  name: string;
  status: string;
  found: string[];
  remedies: { text: string }[];
}

async function setUp(t: TestContext, given: Given = {}) {
  const cluster = await requiresCluster(t);
  if (!cluster) return undefined;
  images ??= loadAgentImages(cluster);
  await images;
  await using undo = new AsyncDisposableStack();
  const { namespace, kubeconfig } = await cluster.createRunnerAccount(`doctor-${++namespaces}`);
  if (given.without !== undefined) await withdrawRights(cluster, namespace, given.without);
  const inNamespace = (path: string) => path.replace('*', `namespaces/${namespace}`);
  if (given.namespaceLabels !== undefined)
    await cluster.admin.request('PATCH', `/api/v1/namespaces/${namespace}`, {
      body: { metadata: { labels: given.namespaceLabels } },
    });
  for (const [path, body] of given.objects ?? []) await cluster.admin.request('POST', inNamespace(path), { body });
  const plane = undo.use(await startControlPlane());
  const dir = undo.use(await makeTempDir());
  const address = await cluster.expose(Number(new URL(plane.server.url).port));
  const at = (file: string) => join(dir.path, file);
  if (given.template !== undefined) await writeFile(at('pod.json'), JSON.stringify(given.template));
  const config = [
    // Its certificate does not matter here.
    `[runner]\nurl = "https://${address}"\ntoken = "${await plane.newToken()}"\nruntime = "kubernetes"`,
    '[jobs]\nmemory_gib = 0.0625\ncpus = 0.1',
    `[kubernetes]\nkubeconfig = "${kubeconfig}"`,
    given.template === undefined ? '' : `pod_template = "${at('pod.json')}"`,
    given.kubernetes ?? '',
    given.config ?? '',
    '',
  ].join('\n');
  await writeFile(at('runner.toml'), config, { mode: 0o600 });
  await mkdir(at('state'), { mode: 0o700 });
  const args = ['runner', 'doctor', '--json', '-c', at('runner.toml'), '--state-dir', at('state')];
  const left = async () => {
    const kinds = ['/apis/batch/v1/*/jobs', '/api/v1/*/pods', '/api/v1/*/secrets'].map(inNamespace);
    const lists = await Promise.all(
      kinds.map((path) => cluster.admin.request<{ items: { metadata: { name: string } }[] }>('GET', path)),
    );
    return lists.flatMap(({ items }) => items.map(({ metadata }) => metadata.name));
  };
  const owned = undo.move();
  return {
    args,
    left,
    cluster,
    namespace,
    folder: dir.path,
    run: async (...more: string[]) => {
      const options = { env: { PATH: process.env['PATH'], HOME: dir.path } };
      const all = [...args, ...more];
      const { stdout } = await execute(plan42, all, options).catch((error: { stdout: string }) => error);
      const { checks } = JSON.parse(stdout) as { checks: Checked[] };
      await eventually(async () => (await left()).length === 0, patienceMs);
      assert.deepEqual(await readdir(at('state')), [], 'its files are removed');
      return (name: string) => {
        const found = checks.find((check) => check.name === name);
        assert.ok(found, stdout);
        return found;
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function withdrawRights({ admin }: Cluster, namespace: string, group: string): Promise<void> {
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles/plan42-runner`;
  const { rules } = await admin.request<{ rules: { apiGroups: string[] }[] }>('GET', path);
  const body = { rules: rules.filter(({ apiGroups }) => !apiGroups.includes(group)) };
  await admin.request('PATCH', path, { body });
}

const accepted = 'the cluster accepts the Job of a task (dry run)';

suite('doctor', { concurrency: false }, () => {
  test('starts pods as those of jobs, also without a shell, and says what it saw and what it did not check', async (t) => {
    await using setting = (await setUp(t)) ?? null;
    if (!setting) return;
    const of = await setting.run('--image', agentImage);
    assert.match(of('runtime').found[0] ?? '', /^kubernetes v1\.\d+\.\d+, doctor-\d+$/);
    assert.deepEqual([of('runtime').status, of('runtime').found.length], ['ok', 1]);
    const { found, status } = of('container');
    assert.equal(status, 'ok', found.join('\n'));
    assert.equal(found[0], accepted);
    const facts = [
      'its image was on the node',
      'its request arrived by standard input',
      'it has no service account token',
      'no new privileges',
      'a seccomp filter',
      'at most 64 MiB of memory',
      'at most 0.1 CPUs',
      '/usr/bin/agent-wrapper is executable',
    ].join(', ');
    assert.match(
      found[1] ?? '',
      /^a pod of localhost\/plan42\/test-agent:1 started within \d+\.\d s on the node \S+: /,
    );
    assert.ok(found[1]?.endsWith(facts), found.join('\n'));
    assert.match(found[2] ?? '', /^a pod connected to 10\.244\.\d+\.1:\d+$/);
    assert.match(
      found[3] ?? '',
      /^not checked: the images of other tasks; whether \d+ jobs at once .*; the wall of jobs .*; name resolution/,
    );
    assert.equal(found.length, 4);
    assert.deepEqual(of('limits').found, [
      'a pod was ended: it ran longer than the cluster allows (deadline exceeded)',
    ]);
    assert.equal(of('credentials').status, 'skipped');

    const bare = await setting.run('--image', bareImage);
    assert.match(bare('container').found[2] ?? '', /has no agent: \/usr\/bin\/agent-wrapper: no such file/);
    assert.equal(bare('container').status, 'failed');
  });

  test('says that no gateway can count tokens without an image for gateways', async (t) => {
    const config = '[limits]\nmax_tokens = 1000\n[egress]\notherwise = "deny"';
    await using setting = (await setUp(t, { config })) ?? null;
    if (!setting) return;
    const { found, status } = (await setting.run('--image', agentImage))('limits');
    assert.equal(status, 'failed');
    assert.match(found[0] ?? '', /no job can run: no gateway counts: .*kubernetes\.helper_image is not set/);
  });

  test('starts nothing with --quick, and nothing without an image', async (t) => {
    await using setting = (await setUp(t)) ?? null;
    if (!setting) return;
    const quick = await setting.run('--quick', '--image', agentImage);
    assert.deepEqual(quick('container').found, ['left out by --quick']);
    const none = await setting.run();
    assert.deepEqual(none('container').found, ['no pod was started: no image of a job is known yet']);
    assert.equal(none('container').status, 'warning');
  });

  test('tries the images that the configuration names, up to the first that no node can pull', async (t) => {
    await using registry = await startEmptyRegistry();
    const missing = `${registry.host}/missing:1`;
    const config = `[images]\nallowed = ["${agentImage}", "${missing}", "localhost/plan42/*"]`;
    await using setting = (await setUp(t, { config })) ?? null;
    if (!setting) return;
    const { found, status, remedies } = (await setting.run())('container');
    assert.equal(status, 'failed');
    assert.match(found[1] ?? '', /^a pod of localhost\/plan42\/test-agent:1 started/);
    assert.match(found[2] ?? '', new RegExp(`^a pod of ${missing} does not start: cannot pull the image ${missing}: `));
    assert.match(remedies[0]?.text ?? '', /Check its name/);
  });

  const quota = (hard: object): [string, object] => [
    '/api/v1/*/resourcequotas',
    { metadata: { name: 'quota' }, spec: { hard } },
  ];
  const refusals: [what: string, given: Given, reason: RegExp, remedy: RegExp][] = [
    [
      'a quota of Jobs',
      { objects: [quota({ 'count/jobs.batch': '0' })] },
      /^the quota of the namespace does not allow the Job of a task: exceeded quota: quota, .*count\/jobs\.batch=1/,
      /Raise the quota/,
    ],
    [
      'a quota of memory',
      { objects: [quota({ 'limits.memory': '10Mi' })] },
      /^a pod of \S+ does not start: the quota of the namespace does not allow its pod: exceeded quota: quota, /,
      /raise the quota/,
    ],
    [
      'Pod Security',
      { namespaceLabels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
      /^a pod of \S+ does not start: the namespace does not allow its pod: violates PodSecurity/,
      /Relax the label/,
    ],
    [
      'a template that the API server rejects',
      { template: { spec: { priorityClassName: 'NOT A NAME' } } },
      /^the cluster refuses the Job of a task: .*priorityClassName/,
      /Correct kubernetes\.pod_template/,
    ],
    [
      'nodes without room',
      { template: { spec: { nodeSelector: { none: 'such' } } } },
      /^a pod of \S+ does not start: no node of the cluster takes its pod: /,
      /nodeSelector/,
    ],
    [
      'a template with a token',
      { template: { spec: { automountServiceAccountToken: true } } },
      /^in a pod of \S+: it has the token of a service account$/,
      /^Remove automountServiceAccountToken: true from kubernetes\.pod_template\.$/,
    ],
    [
      'a template without a security context',
      { template: { spec: { containers: [{ name: 'agent', securityContext: null }] } } },
      /^in a pod of \S+: it can gain privileges$/,
      /^Remove securityContext: null of the container "agent" from kubernetes\.pod_template\.$/,
    ],
    [
      'a privileged agent that may not gain privileges',
      { template: { spec: { containers: [{ name: 'agent', securityContext: { privileged: true } }] } } },
      /^the cluster refuses the Job of a task: .*cannot set `allowPrivilegeEscalation` to false and `privileged` to true/,
      /^Remove securityContext\.privileged: true of the container "agent" from \S+pod\.json, or set jobs\.no_new_privileges = false\.$/,
    ],
    [
      'a misspelt field',
      { template: { spec: { nodeselector: {} } } },
      /^the cluster refuses the Job of a task: .*unknown field "spec\.template\.spec\.nodeselector"/,
      /^Correct kubernetes\.pod_template \S+pod\.json\.$/,
    ],
    [
      'a template without limits',
      { template: { spec: { containers: [{ name: 'agent', resources: { limits: null } }] } } },
      /^in a pod of \S+: its memory is not limited$/,
      /^Remove resources\.limits: null of the container "agent" from kubernetes\.pod_template\.$/,
    ],
  ];
  for (const [what, given, reason, remedy] of refusals) {
    test(`names ${what}, in the words of the cluster`, async (t) => {
      await using setting = (await setUp(t, given)) ?? null;
      if (!setting) return;
      const { found, status, remedies } = (await setting.run('--image', agentImage))('container');
      assert.equal(status, 'failed', found.join('\n'));
      assert.ok(
        found.some((line) => reason.test(line)),
        found.join('\n'),
      );
      assert.ok(
        remedies.some(({ text }) => remedy.test(text)),
        JSON.stringify(remedies),
      );
    });
  }

  const tryWall = async (t: TestContext, given: Given, { isEnforced = false } = {}) => {
    if (!(await requiresCommands(t, ...filterCommands, ...imageCommands))) return undefined;
    const cluster = await requiresCluster(t);
    if (!cluster) return undefined;
    runnerImage ??= loadRunnerImage(cluster);
    const { repository, tag } = await runnerImage;
    await using setting = (await setUp(t, { kubernetes: `helper_image = "${repository}:${tag}"`, ...given })) ?? null;
    if (!setting) return undefined;
    await using _policies = isEnforced ? enforcePolicies(cluster.admin, setting.namespace) : null;
    return await setting.run('--image', agentImage);
  };
  const open =
    /^no job with a limited network can run: the wall around its network does not stand: the pod reaches 10\.[\d.]+:\d+ \((TCP|UDP)\), which its NetworkPolicy forbids$/;

  test('tries the wall, and says where the cluster enforces no policies', async (t) => {
    const of = await tryWall(t, {});
    if (!of) return;
    const { found, status, remedies } = of('container');
    assert.equal(status, 'warning', found.join('\n'));
    assert.ok(
      found.some((line) => open.test(line)),
      found.join('\n'),
    );
    assert.match(remedies[0]?.text ?? '', /^Use a network of the cluster that enforces NetworkPolicies/);
    assert.doesNotMatch(found.at(-1) ?? '', /the wall/);
  });

  test('fails for it if all jobs have a wall, and passes where policies are enforced', async (t) => {
    const config = '[egress]\nmode = "enforce"';
    const refused = await tryWall(t, { config });
    if (!refused) return;
    assert.equal(refused('container').status, 'failed');
    assert.match(refused('container').found.join('\n'), /^no job can run: the wall around its network does not stand/m);
    const of = await tryWall(t, { config }, { isEnforced: true });
    const { found = [], status } = of?.('container') ?? {};
    assert.ok(found.includes('a pod behind the wall started: it reached no network but its gateway'), found.join('\n'));
    assert.equal(status, 'ok', found.join('\n'));
  });

  test('names the gateway that crashes, and the rights that a wall needs', async (t) => {
    const crashed = await tryWall(t, { kubernetes: `helper_image = "${brokenGatewayImage}"` });
    if (!crashed) return;
    assert.match(
      crashed('container').found.join('\n'),
      /^no job with a limited network can run: .*its egress gateway crashed \(exit code 7\): no policy for ghp_\[redacted\]/m,
    );
    const withoutRights = await tryWall(t, { without: 'networking.k8s.io' });
    assert.match(
      withoutRights?.('runtime').found[0] ?? '',
      /^kubernetes is not ready: the runner may not create networkpolicies, delete networkpolicies in the namespace doctor-/,
    );
  });

  test('warns of what a template opens, and names the field', async (t) => {
    const containers = [
      {
        name: 'agent',
        securityContext: { allowPrivilegeEscalation: true, capabilities: { add: ['SYS_TIME'] } },
        volumeMounts: [{ name: 'node', mountPath: '/node' }],
      },
    ];
    const volumes = [{ name: 'node', hostPath: { path: '/tmp' } }];
    await using setting = (await setUp(t, { template: { spec: { hostIPC: true, containers, volumes } } })) ?? null;
    if (!setting) return;
    const { found, status, remedies } = (await setting.run('--quick'))('runtime');
    assert.equal(status, 'warning');
    assert.deepEqual(found.slice(1), [
      'kubernetes.pod_template sets hostIPC: true: agents share memory and message queues with the processes of the node',
      'kubernetes.pod_template sets hostPath.path: /tmp of the volume "node": agents get /tmp of the node',
      'kubernetes.pod_template sets securityContext.allowPrivilegeEscalation: true of the container "agent": programs of agents can gain privileges, such as by set-user-ID files',
      'kubernetes.pod_template sets securityContext.capabilities.add: ["SYS_TIME"] of the container "agent": agents get the capabilities SYS_TIME in addition to jobs.capabilities',
    ]);
    assert.match(remedies[0]?.text ?? '', /^Remove it from \S+pod\.json if agents do not need it\.$/);
  });

  test('a template that cannot be used is the reason of the runtime', async (t) => {
    const containers = [{ name: 'agent', image: 'other' }];
    await using setting = (await setUp(t, { template: { spec: { containers } } })) ?? null;
    if (!setting) return;
    const of = await setting.run('--image', agentImage);
    assert.match(
      of('runtime').found[0] ?? '',
      /^kubernetes is not ready: cannot use kubernetes\.pod_template .*the image/,
    );
    assert.equal(of('container').status, 'skipped');
  });

  test('that is interrupted leaves nothing', async (t) => {
    // The pod waits for a node until then.
    await using setting = (await setUp(t, { template: { spec: { nodeSelector: { none: 'such' } } } })) ?? null;
    if (!setting) return;
    const { args, left, folder } = setting;
    const options = { env: { PATH: process.env['PATH'], HOME: folder } };
    const doctor = execute(plan42, [...args, '--image', agentImage], options);
    const ended = assert.rejects(doctor, { code: 130 });
    await eventually(async () => (await left()).length > 0, patienceMs);
    doctor.child.kill('SIGINT');
    await ended;
    await eventually(async () => (await left()).length === 0, patienceMs);
    assert.deepEqual(await readdir(join(folder, 'state')), []);
  });
});

/**
 * The wall of jobs in a real cluster, whose runner has exactly the rights of the chart's Role. The cluster's network enforces no
 * policies, so that the refusal is real. For the other tests, packet filter rules made from the policies enforce them.
 */
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { agentImage, brokenGatewayImage, brokenGatewaySecret } from '../support/kubernetes/agent-image.ts';
import { requiresCluster } from '../support/kubernetes/cluster.ts';
import { type ClusterRunner, patienceMs, startClusterRunner } from '../support/kubernetes/cluster-runner.ts';
import { type Outside, startOutside, viaGateway } from '../support/kubernetes/outside.ts';
import { enforcePolicies, filterCommands } from '../support/kubernetes/policy-filter.ts';
import { imageCommands, loadRunnerImage } from '../support/kubernetes/runner-image.ts';
import { requiresCommands } from '../support/requires-command.ts';
import { jobIdOf, untilOver } from '../support/tasks.ts';

interface Setting extends ClusterRunner {
  outside: Outside;
  /** Starts a task whose environment allows the outside server, by the name outside.test. */
  start: (commands: string, more?: object) => Promise<string>;
  /** The log of the task's job; empty before its first line. */
  log: (taskId: string) => Promise<string>;
}

let runnerImage: ReturnType<typeof loadRunnerImage> | undefined;

interface Options {
  /** More lines of [jobs], given the port of the outside server. */
  jobs?: (port: number) => string;
  /** More of the pods' spec. */
  podSpec?: object;
  withoutHelper?: boolean;
  /** The image of gateways, instead of that of the runner. */
  helper?: string;
  isEnforced?: boolean;
}

async function setUp(t: TestContext, options: Options = {}): Promise<Setting | undefined> {
  if (!(await requiresCommands(t, ...filterCommands, ...imageCommands))) return undefined;
  // The kubelet brings changed Secrets to pods with each of its rounds.
  const cluster = await requiresCluster(t, { nodeConfig: 'syncFrequency: 3s' });
  if (!cluster) return undefined;
  runnerImage ??= loadRunnerImage(cluster);
  const { repository, tag } = await runnerImage;
  await using undo = new AsyncDisposableStack();
  const outside = undo.use(await startOutside(cluster.host));
  const hostAliases = [{ ip: cluster.host, hostnames: ['outside.test', 'other.test'] }];
  const inCluster = undo.use(
    await startClusterRunner(cluster, {
      name: 'wall',
      jobs: options.jobs?.(outside.port) ?? '',
      kubernetes: options.withoutHelper === true ? '' : `helper_image = "${options.helper ?? `${repository}:${tag}`}"`,
      tables: '[egress]\nprivate_hosts = "named"',
      podTemplate: { spec: { hostAliases, ...options.podSpec } },
    }),
  );
  const { plane, namespace } = inCluster;
  if (options.isEnforced !== false) undo.use(enforcePolicies(cluster.admin, namespace));
  const owned = undo.move();
  return {
    ...inCluster,
    // The spread has read it once: after a restart it would be the former process.
    get runner() {
      return inCluster.runner;
    },
    outside,
    start: async (commands, more = {}) => {
      const AllowedHosts = [`outside.test:${outside.port}`];
      const EnvironmentId = await plane.newEnvironment({ DockerImage: agentImage, AllowedHosts, ...more });
      return plane.newTask({ EnvironmentId, Prompt: `@@${commands}@@` });
    },
    log: (taskId) => inCluster.runner.jobLog(jobIdOf(taskId)).catch(() => ''),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The address of the gateway, which the pod has as a file. */
const gatewayAddress = `a=$(cat /plan42/gateway-address); g=$(printf '%d.%d.%d.%d' $(echo $a | sed 's/../0x& /g'))`;

suite('the wall in a cluster', { concurrency: false }, () => {
  test('where policies are not enforced, the job is refused before the first instruction of its agent', async (t) => {
    await using setting = await setUp(t, { isEnforced: false });
    if (!setting) return;
    const taskId = await setting.start('echo it ran');
    const { turn } = await untilOver(setting.plane, taskId, patienceMs);
    assert.equal(turn.Status, 'Failed');
    assert.match(
      turn.ErrorMessage,
      /the wall around its network does not stand: the pod reaches 10\.[\d.]+:\d+ \((TCP|UDP)\), which its NetworkPolicy forbids.* Use a network of the cluster that enforces NetworkPolicies/,
    );
    assert.doesNotMatch(await setting.log(taskId), /ARGS|it ran/);
    await eventually(async () => (await setting.left()).length === 0, patienceMs);
  });

  test('without an image for gateways, and with the network of the node, it is refused too', async (t) => {
    for (const [options, reason] of [
      [{ withoutHelper: true }, /kubernetes\.helper_image is not set.* Set it to the image of the runner/],
      [{ podSpec: { hostNetwork: true } }, /kubernetes\.pod_template sets hostNetwork: true: agents have the network/],
      [
        {
          podSpec: {
            containers: [{ name: 'agent', volumeMounts: [{ name: 'node', mountPath: '/node' }] }],
            volumes: [{ name: 'node', hostPath: { path: '/run' } }],
          },
        },
        /kubernetes\.pod_template sets hostPath\.path: \/run of the volume "node"/,
      ],
      [{ podSpec: { shareProcessNamespace: true } }, /kubernetes\.pod_template sets shareProcessNamespace: true/],
      [{ jobs: () => 'no_new_privileges = false' }, /jobs\.no_new_privileges is off/],
    ] as const) {
      await using setting = await setUp(t, { ...options, isEnforced: false });
      if (!setting) return;
      const taskId = await setting.start('echo it ran');
      const { turn } = await untilOver(setting.plane, taskId, patienceMs);
      assert.match(turn.ErrorMessage, reason);
      await eventually(async () => (await setting.left()).length === 0, patienceMs);
    }
  });

  test('the last words of a gateway that crashes are in the refusal, in the log of the job and in that of the runner', async (t) => {
    await using setting = await setUp(t, { helper: brokenGatewayImage, isEnforced: false });
    if (!setting) return;
    const taskId = await setting.start('echo it ran');
    const { turn } = await untilOver(setting.plane, taskId, patienceMs);
    const crash = 'its egress gateway crashed \\(exit code 7\\): no policy for ghp_\\[redacted\\]';
    assert.match(turn.ErrorMessage, new RegExp(crash));
    assert.match(turn.ErrorMessage, /kubernetes\.helper_image/);
    const log = await setting.log(taskId);
    assert.doesNotMatch(log, /ARGS|it ran/);
    for (const text of [turn.ErrorMessage, log, setting.runner.log])
      assert.ok(!text.includes(brokenGatewaySecret), text);
    await eventually(async () => (await setting.left()).length === 0, patienceMs);
  });

  test('an agent reaches the hosts of its environment through its gateway, and nothing in another way', async (t) => {
    await using setting = await setUp(t);
    if (!setting) return;
    const { cluster, outside, plane } = setting;
    const { port } = outside;
    const api = cluster.host.replace('10.244', '10.96');
    const ways = [
      gatewayAddress,
      viaGateway(),
      // Asks the gateway for what it reaches.
      '{ printf T; cat /plan42/gateway-token; } >/tmp/token',
      'try() { echo "$1 $(shift; "$@" >/tmp/out 2>&1 </dev/null && echo open || echo closed)"; }',
      'speak() { printf "GET / HTTP/1.0\\r\\n\\r\\n" | timeout 3 nc $1 $2 | grep -q . ; }',
      // A server of TLS answers plain HTTP with an error.
      'request() { printf "GET / HTTP/1.0\\r\\n\\r\\n" | timeout 3 nc $1 $2 | grep -q HTTP; }',
      `try outside speak ${cluster.host} ${port}`,
      // By UDP.
      `timeout 2 tftp -g -l /tmp/x -r leak ${cluster.host} ${port}`,
      `try api request ${api} 443`,
      'try name speak outside.test 80',
      'try metadata timeout 3 nc 169.254.169.254 80',
      'if [ -n "$g" ] && [ -f /plan42/gateway-address ]; then try closed-port timeout 3 nc $g 7044; echo "other token $(printf "T%032d" 1 | timeout 5 nc $g 7043 | wc -c)"; echo "own token $(cat /tmp/token | timeout 5 nc $g 7043 | wc -c)"; fi',
    ];
    const inside = `get outside.test:${port}; get other.test:${port}; get ${cluster.host}:${port}; echo $https_proxy`;
    const taskId = await setting.start([...ways, inside, 'exit 3'].join('; '));
    const { turn } = await untilOver(plane, taskId, patienceMs);
    const log = await setting.log(taskId);
    assert.match(turn.ErrorMessage, /exit code 3 /, `${log}\n${setting.runner.log}`);
    for (const way of ['outside', 'api', 'name', 'metadata', 'closed-port'])
      assert.match(log, new RegExp(`^${way} closed$`, 'm'), log);
    // Without the token of the job, the gateway says nothing.
    assert.match(log, /^other token 0$/m, log);
    assert.match(log, /^own token [1-9]/m, log);
    assert.match(log, /^hello from outside$/m);
    assert.match(log, /403 Forbidden \(plan42: network: refused other\.test/, log);
    assert.match(log, /^http:\/\/127\.0\.0\.1:7043$/m);
    // Refusals are in the log of the job and in its turn, as on docker.
    assert.match(
      log,
      new RegExp(`^plan42: network: refused other\\.test:${port}: no entry allows this host\\.`, 'm'),
      log,
    );
    assert.match(turn.ErrorMessage, new RegExp(`The network of the job refused other\\.test:${port}`));
    assert.equal(outside.requests.length, 1);
    assert.equal(outside.datagrams, 0);
    // The server was reached by one address, that of the gateway's pod.
    assert.equal(outside.reachedBy.size, 1);
    await eventually(async () => (await setting.left()).length === 0, patienceMs);

    // The same ways, without the wall, are open: that of the metadata and of names excepted, which the machine does not have.
    const openId = await setting.start([...ways, 'exit 3'].join('; '), { AllowedHosts: [] });
    await untilOver(plane, openId, patienceMs);
    const openLog = await setting.log(openId);
    for (const way of ['outside', 'api']) assert.match(openLog, new RegExp(`^${way} open$`, 'm'), openLog);
    assert.ok(outside.datagrams > 0, openLog);
  });

  test('a killed gateway comes back, a removed one ends the job, and neither lets anything pass', async (t) => {
    await using setting = await setUp(t);
    if (!setting) return;
    const { cluster, namespace, outside, plane } = setting;
    const direct = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 1 nc ${cluster.host} ${outside.port} | grep -q . && echo ESCAPED`;
    const loop = `n=0; while :; do n=$((n+1)); echo "round $n: $(get outside.test:${outside.port} | grep -c hello)"; ${direct}; sleep 0.2; done`;
    const taskId = await setting.start(`${viaGateway()}; ${loop}`);
    const rounds = async () => (await setting.log(taskId)).match(/^round \d+: 1$/gm)?.length ?? 0;
    await eventually(async () => (await rounds()) >= 2, patienceMs).catch(async (error: unknown) => {
      throw new Error(`${await setting.log(taskId)}\n${setting.runner.log}`, { cause: error });
    });
    const podsPath = `/api/v1/namespaces/${namespace}/pods`;
    const { items } = await cluster.admin.request<{ items: { metadata: { name: string } }[] }>('GET', podsPath);
    const gateway = items.map(({ metadata }) => metadata.name).find((name) => name.endsWith('-gateway')) ?? '';
    await cluster.kill(namespace, gateway, 'gateway');
    const before = await rounds();
    await eventually(async () => (await rounds()) >= before + 3, patienceMs);
    await cluster.admin.request('DELETE', `${podsPath}/${gateway}`, { body: { gracePeriodSeconds: 0 } });
    const { turn } = await untilOver(plane, taskId, patienceMs);
    assert.match(turn.ErrorMessage, /the pod of its egress gateway was removed from the cluster/);
    assert.doesNotMatch(await setting.log(taskId), /ESCAPED/);
    assert.ok(outside.reachedBy.size <= 1, [...outside.reachedBy].join());
    await eventually(async () => (await setting.left()).length === 0, patienceMs);
  });

  test('a runner that was killed continues a job behind the wall, and reports what its gateway refused meanwhile', async (t) => {
    await using setting = await setUp(t);
    if (!setting) return;
    const { outside, plane } = setting;
    const commands = `${viaGateway()}; echo begun; sleep 8; get other.test:${outside.port} >/dev/null; get outside.test:${outside.port}; sleep 12; exit 3`;
    const taskId = await setting.start(commands);
    await eventually(async () => (await setting.log(taskId)).includes('begun'), patienceMs);
    await setting.runner.stop('SIGKILL');
    await setting.startAgain();
    const { turn } = await untilOver(plane, taskId, patienceMs);
    const log = await setting.log(taskId);
    assert.match(turn.ErrorMessage, new RegExp(`The network of the job refused other\\.test:${outside.port}`), log);
    assert.equal(log.match(/^plan42: network: refused other\.test/gm)?.length, 1, log);
    assert.match(log, /^hello from outside$/m);
    await eventually(async () => (await setting.left()).length === 0, patienceMs);
  });

  test('a key stays in the gateway’s pod, and a changed one arrives there while the job runs', async (t) => {
    const [first, second] = ['sk-first-0123456789abcdef', 'sk-second-0123456789abcde'];
    const jobs = (port: number) => `env = ["OPENAI_API_KEY=${first}", "OPENAI_BASE_URL=http://outside.test:${port}"]`;
    await using setting = await setUp(t, { jobs });
    if (!setting) return;
    const { outside, plane } = setting;
    const host = `outside.test:${outside.port}`;
    const head = `GET http://${host}/ HTTP/1.1\\r\\nHost: ${host}\\r\\nAuthorization: Bearer %s\\r\\nConnection: close\\r\\n\\r\\n`;
    const call = `timeout 10 nc 127.0.0.1 7043 -e sh -c "printf '${head}' $OPENAI_API_KEY; cat >/tmp/response"`;
    const taskId = await setting.start(
      `n=0; while [ $n -lt 60 ]; do n=$((n+1)); echo key $OPENAI_API_KEY; ${call}; sleep 1; done; exit 3`,
    );
    const has = (key: string) =>
      outside.requests.some((request) => request.includes(`Authorization: Bearer ${key}\r\n`));
    const arrived = (key: string) =>
      eventually(async () => has(key), patienceMs).catch(async (error: unknown) => {
        throw new Error(`${await setting.log(taskId)}\n${outside.requests.at(-1)}\n${setting.runner.log}`, {
          cause: error,
        });
      });
    await arrived(first);
    await setting.runner.stop('SIGKILL');
    await setting.startAgain((text) => text.replace(first, second));
    await arrived(second);
    const { turn } = await untilOver(plane, taskId, patienceMs);
    assert.match(turn.ErrorMessage, /exit code 3 /);
    const log = await setting.log(taskId);
    assert.match(log, /^key sk-/m);
    for (const key of [first, second]) assert.ok(!log.includes(key), log);
    await eventually(async () => (await setting.left()).length === 0, patienceMs);
  });
});

/** Replicas of a runner share jobs behind the wall: one that adopts such a job keeps its wall, and reads what its gateway reports. */
import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { agentImage } from '../support/kubernetes/agent-image.ts';
import { requiresCluster } from '../support/kubernetes/cluster.ts';
import { startOutside, viaGateway } from '../support/kubernetes/outside.ts';
import { enforcePolicies, filterCommands } from '../support/kubernetes/policy-filter.ts';
import { patienceMs, type Replica, startReplicas } from '../support/kubernetes/replicas-setting.ts';
import { imageCommands, loadRunnerImage } from '../support/kubernetes/runner-image.ts';
import { requiresCommands } from '../support/requires-command.ts';
import { jobIdOf, untilOver } from '../support/tasks.ts';
import { makeTempDir } from '../support/temp-dir.ts';

/** More than pass while the job changes its replica. */
const rounds = 60;

test('a job behind the wall is adopted by another replica, and its wall holds all the time', async (t) => {
  if (!(await requiresCommands(t, ...filterCommands, ...imageCommands))) return;
  const cluster = await requiresCluster(t);
  if (!cluster) return;
  const { repository, tag } = await loadRunnerImage(cluster);
  await using dir = await makeTempDir();
  await using outside = await startOutside(cluster.host);
  const template = join(dir.path, 'pod.json');
  const hostAliases = [{ ip: cluster.host, hostnames: ['outside.test', 'other.test'] }];
  await writeFile(template, JSON.stringify({ spec: { hostAliases } }));
  await using setting = await startReplicas(t, {
    kubernetes: `helper_image = "${repository}:${tag}"\npod_template = "${template}"`,
    tables: '[egress]\nprivate_hosts = "named"',
  });
  if (!setting) return;
  const { plane, namespace, replicas } = setting;
  await using _enforced = enforcePolicies(cluster.admin, namespace);

  const host = `outside.test:${outside.port}`;
  const direct = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 1 nc ${cluster.host} ${outside.port} | grep -q . && echo ESCAPED`;
  const round = `echo "round $n: $(get ${host} | grep -c hello)"; ${direct}; sleep 0.2`;
  const commands = `${viaGateway()}; n=0; while [ $n -lt ${rounds} ]; do n=$((n+1)); ${round}; done; get other.test:${outside.port} >/dev/null; exit 4`;
  const EnvironmentId = await plane.newEnvironment({ DockerImage: agentImage, AllowedHosts: [host] });
  const taskId = await plane.newTask({ EnvironmentId, Prompt: `@@${commands}@@` });
  const jobId = jobIdOf(taskId);

  const logOf = ({ runner }: Replica) => runner.jobLog(jobId).catch(() => '');
  const hasJob = async ({ runner }: Replica) =>
    (await readdir(join(runner.folder, 'state/jobs/active')).catch((): string[] => [])).includes(jobId);
  const roundsIn = (log: string) => log.match(/^round \d+: 1$/gm)?.length ?? 0;
  const all = async () =>
    (await Promise.all(replicas.map(async (one) => `${await logOf(one)}\n${one.runner.log}`))).join();
  await eventually(
    async () => Math.max(...(await Promise.all(replicas.map(logOf))).map(roundsIn)) >= 2,
    patienceMs,
  ).catch(async (error: unknown) => {
    throw new Error(await all(), { cause: error });
  });
  const [first, second] = (await hasJob(replicas[0])) ? replicas : replicas.toReversed();
  assert.ok(first && second);
  await first.runner.stop('SIGKILL');
  await second.runner.logged(/adopted job of another replica/, patienceMs);
  const atAdoption = roundsIn(await logOf(first));
  assert.ok(atAdoption < rounds, 'the job was over before it was adopted');

  const { turn } = await untilOver(plane, taskId, patienceMs);
  const log = await logOf(second);
  assert.match(turn.ErrorMessage, /exit code 4 /, await all());
  assert.deepEqual(
    log.match(/^round .*$/gm),
    Array.from({ length: rounds }, (_, n) => `round ${n + 1}: 1`),
    await all(),
  );
  assert.doesNotMatch(await all(), /ESCAPED/);
  // The gateway reports to the replica that has the job.
  assert.match(turn.ErrorMessage, new RegExp(`The network of the job refused other\\.test:${outside.port}`));
  assert.match(log, /^plan42: network: refused other\.test/m);
  assert.equal(outside.reachedBy.size, 1);
  assert.equal(setting.finalReports(taskId).length, 1);
  await eventually(async () => (await setting.leftInCluster()).length === 0, patienceMs);
  const policies = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;
  assert.deepEqual((await cluster.admin.request<{ items: unknown[] }>('GET', policies)).items, []);
});

/** A node that is gone in the middle of a job. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { makeJobFolder } from '../support/job-folder.ts';
import { agentImage, loadAgentImages } from '../support/kubernetes/agent-image.ts';
import { requiresCluster } from '../support/kubernetes/cluster.ts';
import { startSecondNode } from '../support/kubernetes/second-node.ts';
import { RunnerProcess } from '../support/runner-process.ts';
import { jobIdOf, startTask, untilOver } from '../support/tasks.ts';

const managerFlags = '--node-monitor-grace-period=10s --node-monitor-period=2s';

test('a job whose node is gone ends with that reason, and its log says that the end is missing', async (t) => {
  const cluster = await requiresCluster(t, { managerFlags });
  if (!cluster) return;
  await loadAgentImages(cluster);
  using _second = await startSecondNode(cluster.admin);
  const { kubeconfig } = await cluster.createRunnerAccount('lost');
  await using plane = await startControlPlane();
  const folder = await makeJobFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const template = join(folder.folder, 'pod.yaml');
  const key = 'node.kubernetes.io/unreachable';
  const tolerations = [{ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 }];
  await writeFile(template, JSON.stringify({ spec: { tolerations } }));
  const config = `[jobs]\ncpus = 0.1\nmemory_gib = 0.0625\nstop_timeout = "2s"\n[kubernetes]\nkubeconfig = "${kubeconfig}"\npod_template = "${template}"\n`;
  const options = { url: plane.server.url, token: await plane.newToken(), runtime: 'kubernetes', config } as const;
  await using runner = await RunnerProcess.start(options);
  await runner.logged(/runner ready/, 120_000);
  const taskId = await startTask(plane, agentImage, 'echo begun; sleep 1000');
  const log = () => runner.jobLog(jobIdOf(taskId)).catch(() => '');
  await eventually(async () => (await log()).includes('begun'), 120_000);
  await cluster.signalKubelet('SIGSTOP');
  t.after(() => cluster.signalKubelet('SIGCONT'));
  const { turn } = await untilOver(plane, taskId, 400_000);
  assert.match(turn.ErrorMessage, /its node testbed was lost, or drained by a taint/, runner.log);
  assert.match(
    await log(),
    /^begun\n\[plan42: output may be missing here: .*\]\n\[plan42: agent stopped: its node testbed was lost, or drained by a taint\]\n$/m,
  );
});

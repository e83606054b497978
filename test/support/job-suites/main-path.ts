/** From a created task to a finished turn, on each runtime with containers. */
import assert from 'node:assert/strict';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { eventually } from '../eventually.ts';
import { jobIdOf, startTask, untilOver } from '../tasks.ts';
import { type ContainerRuntime, pushCopy, setUpJobs } from './job-setting.ts';

const patienceMs = 120_000;

export function testMainPath(name: ContainerRuntime): void {
  suite(name, { concurrency: false }, () => {
    test('an agent gets its request, runs within its limits, and its turn gets its status', async (t) => {
      const models = 'openai_token = "sk-own-token"\nno_websearch = true\nno_cache_ttl = true\n';
      await using setting = await setUpJobs(t, name, models);
      if (!setting.plane) return;
      const { plane, runner, images } = setting;
      const inspect = [
        'cat $REQUEST',
        'echo',
        'cd /sys/fs/cgroup',
        'for f in cpu.max cpu/cpu.cfs_quota_us memory.max memory/memory.limit_in_bytes pids.max pids/pids.max',
        'do test -f $f && echo $f $(cat $f)',
        'done',
        'grep NoNewPrivs /proc/self/status',
        'grep CapBnd /proc/self/status',
        'ls /var/run/docker.sock /run/podman',
        'echo to stderr >&2',
        'exit 3',
      ].join('; ');
      const taskId = await startTask(plane, images.agent, inspect);
      const { turn, statuses } = await untilOver(plane, taskId, patienceMs);

      assert.equal(turn.Status, 'Failed');
      assert.match(turn.ErrorMessage, /exit code 3 .*plan42 runner job logs (--state-dir \S+ )?plan42-/s);
      assert.ok(turn.CompletedAt);
      assert.ok(statuses.includes('Pulling Agent Image on Local Runner') || statuses.length <= 2, statuses.join());

      const log = await runner.jobLog(jobIdOf(taskId));
      // Engines carry standard output and error in two pipes, each in its order.
      const isError = (line: string) => line.startsWith('ls:') || line === 'to stderr';
      const lines = log.trimEnd().split('\n');
      const [args, request = '', ...rest] = lines.filter((line) => !isError(line));
      const switches = '--encrypted-input=false --plan42-proxy --log-agent-output --no-websearch --no-cache-ttl';
      assert.equal(args, `ARGS: ${switches}`);
      const input = JSON.parse(request);
      assert.equal(input.Type, 'InvokeAgentRequest');
      assert.equal(input.Task.TaskId, taskId);
      assert.equal(
        input.Turn.Status,
        'Pulling Agent Image on Local Runner',
        'the newest turn that the server returned',
      );
      assert.ok(input.AgentToken.startsWith('p42a_'));
      assert.equal(input.OpenAIToken, 'sk-own-token', 'without a wall');
      assert.ok(!runner.log.includes('sk-own-token'));
      assert.deepEqual(rest, [
        ...limitsOf(name, { isUnified: rest[0]?.startsWith('cpu.max') === true }),
        'NoNewPrivs:\t1',
        'CapBnd:\t00000000000400fb',
      ]);
      const errors = lines.filter(isError);
      assert.equal(errors.filter((line) => line.startsWith('ls:')).length, 2, 'no engine socket inside');
      assert.deepEqual([errors.length, errors.at(-1)], [3, 'to stderr']);
    });

    test('leaves no container, secret or active record', async (t) => {
      await using setting = await setUpJobs(t, name);
      if (!setting.plane) return;
      const { plane, runner, images } = setting;
      const taskId = await startTask(plane, images.agent, 'echo started; sleep 1');
      const jobId = jobIdOf(taskId);
      await runner.logged(/job started/, 60_000);
      const inspected = await setting.inspect(jobId);
      assert.ok(inspected.includes(jobId));
      assert.ok(!inspected.includes('p42a_'), 'no token in inspect');
      const folder = join(runner.folder, 'state/jobs/active', jobId);
      await assert.rejects(access(join(folder, 'request.json')), 'the agent has read it');
      await untilOver(plane, taskId, patienceMs);
      await runner.logged(/job finished/, 60_000);
      assert.ok(!(await setting.list()).includes(jobId));
      assert.deepEqual(await readdir(join(runner.folder, 'state/jobs/active')), []);
      assert.deepEqual(await readdir(join(runner.folder, 'state/jobs/finished')), [`${jobId}.json`]);
      assert.ok(!/p42[ar]_\w/.test(runner.log), 'no token in the log');
    });

    test('a cancelled turn ends its container', async (t) => {
      await using setting = await setUpJobs(t, name, '[jobs]\nstop_timeout = "500ms"\n');
      if (!setting.plane) return;
      const { plane, runner, images } = setting;
      const taskId = await startTask(plane, images.agent, `trap '' TERM; while :; do sleep 0.1; done`);
      await runner.logged(/job started/, 60_000);
      await eventually(async () => {
        const { Version } = (await plane.call('GET', `tasks/${taskId}/turns/1`)).body;
        const body = { Status: 'Failed', ErrorMessage: 'cancelled by user' };
        return (await plane.call('PATCH', `tasks/${taskId}/turns/1`, { ifMatch: Version, body })).status === 200;
      });
      await runner.logged(/stopping job, its turn has ended/, 60_000);
      await runner.logged(/job finished/, 60_000);
      assert.ok(!(await setting.list()).includes(jobIdOf(taskId)));
    });

    test('reports an unusable image', async (t) => {
      await using setting = await setUpJobs(t, name, '[images]\nallowed = ["127.0.0.1:*/test/*"]\n');
      if (!setting.plane) return;
      const { plane, images, registry } = setting;
      const failure = async (image: string) =>
        (await untilOver(plane, await startTask(plane, image), patienceMs)).turn.ErrorMessage;
      const missing = `${registry}/test/nonesuch:v1`;
      assert.match(
        await failure(missing),
        new RegExp(`cannot pull the image ${missing}: .*(manifest unknown|not found)`, 'i'),
      );
      assert.match(
        await failure('docker.io/library/busybox'),
        /'docker.io\/library\/busybox' is not allowed on this runner/,
      );
      await assert.rejects(
        startTask(plane, 'busybox:latest extra text'),
        /400 DockerImage: "busybox:latest extra text" is not the name of an image: its tag is invalid/,
      );
      assert.match(
        await failure(images.noEntrypoint),
        /could not be started: .*agent-wrapper.*(no such file|not found)/is,
      );
    });

    test('follows the pull policy', async (t) => {
      // A name of its own, because other tests pull the shared one at any time.
      const image = await pushCopy(t, `policy-of-${name}`);
      if (image === undefined) return;
      const messageWith = async (policy: string) => {
        await using setting = await setUpJobs(t, name, `[images]\npull_policy = "${policy}"\n`);
        if (!setting.plane) return undefined;
        const taskId = await startTask(setting.plane, image);
        return (await untilOver(setting.plane, taskId, patienceMs)).turn.ErrorMessage;
      };
      const missing = await messageWith('never');
      if (missing === undefined) return;
      assert.match(missing, /is not on (this machine|the node), and images.pull_policy is "never"/);
      assert.match(await messageWith('if-not-present'), /exit code 0/);
      assert.match(await messageWith('never'), /exit code 0/, 'it is there now');
    });
  });
}

/** Pods have the limit of processes that their kubelet sets. */
function limitsOf(name: ContainerRuntime, { isUnified }: { isUnified: boolean }): string[] {
  const limits = isUnified
    ? ['cpu.max 400000 100000', `memory.max ${8 * 2 ** 30}`, 'pids.max 4096']
    : ['cpu/cpu.cfs_quota_us 400000', `memory/memory.limit_in_bytes ${8 * 2 ** 30}`, 'pids/pids.max 4096'];
  return name === 'kubernetes' ? [...limits.slice(0, 2), isUnified ? 'pids.max max' : 'pids/pids.max max'] : limits;
}

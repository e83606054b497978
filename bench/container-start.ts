/**
 * From the response that accepts a job to its first output, beside the same `podman run` (`docker run`) by hand, in turns. And how
 * long after its delivery an invocation is answered. Paths of other builds of `plan42-runner` may follow, which take turns, too.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { open, stat, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { MessagePlane } from '../test/support/message-plane.ts';
import { RunnerProcess } from '../test/support/runner-process.ts';
import { eachEngine } from './support/each-engine.ts';
import { median } from './support/median.ts';

const rounds = Number(process.env['PLAN42_BENCH_ROUNDS'] ?? 12);
// The first line that the test agent writes is its only one, so that the file's time is that of the first output.
const prompt = '@@sleep 0.2@@';
// Of each policy, what `run` by hand does the same with.
const policies = { 'if-not-present': 'missing', always: 'always' } as const;
const builds = ['this build', ...process.argv.slice(2)];

await eachEngine(async ({ name, env, image, folder }) => {
  for (const [policy, pull] of Object.entries(policies)) {
    await using runners = new AsyncDisposableStack();
    const measured: Measured[] = [];
    for (const build of builds) {
      const plane = runners.use(await new MessagePlane().listen());
      const config = `[images]\npull_policy = "${policy}"\n`;
      const bin = build === builds[0] ? {} : { bin: dirname(build) };
      const options = { url: plane.url, token: plane.token, runtime: name, config, env, ...bin };
      const runner = runners.use(await RunnerProcess.start(options));
      await runner.ready();
      await byRunner(plane, runner, image);
      measured.push({ build, run: () => byRunner(plane, runner, image), startsMs: [], answersMs: [] });
    }
    const byHandMs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const { run, startsMs, answersMs } of measured) {
        const { startMs, answerMs } = await run();
        startsMs.push(startMs);
        answersMs.push(answerMs);
      }
      byHandMs.push(await byHand(name, { image, pull, folder, env: { ...process.env, ...env } }));
    }
    const hand = median(byHandMs);
    console.log(
      `${name}, ${policy}: first output by hand after ${hand.toFixed(0)} ms (medians of ${rounds}; load ${loadavg()[0]?.toFixed(1)})`,
    );
    for (const { build, startsMs, answersMs } of measured) {
      const ours = median(startsMs);
      console.log(
        `  ${build}: ${ours.toFixed(0)} ms after the job is accepted: ${(ours - hand).toFixed(0)} ms more, ${(ours / hand).toFixed(2)}×; ` +
          `accepted ${median(answersMs).toFixed(1)} ms after the delivery (at most ${Math.max(...answersMs).toFixed(1)} ms)`,
      );
    }
  }
});

interface Measured {
  build: string;
  run: () => Promise<{ startMs: number; answerMs: number }>;
  startsMs: number[];
  answersMs: number[];
}

async function byRunner(
  plane: MessagePlane,
  runner: RunnerProcess,
  image: string,
): Promise<{ startMs: number; answerMs: number }> {
  const taskId = randomUUID();
  const jobId = `plan42-${taskId}-1`;
  const turn = { TenantId: plane.tenantId, TaskId: taskId, TurnIndex: 1, Version: 1, Status: 'Pending' };
  const request = {
    Type: 'InvokeAgentRequest',
    Turn: turn,
    Task: { TaskId: taskId, Prompt: prompt },
    AgentToken: 'p42a_x',
  };
  const message = plane.message({ ...request, Environment: { DockerImage: image } });
  const delivered = performance.now();
  await plane.deliver([message]);
  const accepted = Date.now();
  const answerMs = performance.now() - delivered;
  await runner.logged(new RegExp(`job finished job_id=${jobId}`), 60_000);
  const { mtimeMs } = await stat(join(runner.folder, 'state/logs', `${jobId}.log`));
  return { startMs: mtimeMs - accepted, answerMs };
}

async function byHand(
  command: string,
  { image, pull, folder, env }: { image: string; pull: string; folder: string; env: NodeJS.ProcessEnv },
): Promise<number> {
  const requestFile = join(folder, 'request.json');
  const logFile = join(folder, `${randomUUID()}.log`);
  await writeFile(requestFile, JSON.stringify({ Prompt: prompt }));
  await using request = await open(requestFile, 'r');
  await using log = await open(logFile, 'a');
  const args = [
    'run',
    ...['--rm', '--interactive', '--pull', pull, '--quiet'],
    ...['--log-driver', 'none'],
    ...['--entrypoint', '/usr/bin/agent-wrapper'],
    image,
  ];
  const startedAt = Date.now();
  // Otherwise the progress of a pull would be the first output.
  const child = spawn(command, args, { env, stdio: [request.fd, log.fd, 'ignore'] });
  await once(child, 'exit');
  return (await stat(logFile)).mtimeMs - startedAt;
}

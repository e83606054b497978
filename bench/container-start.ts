/**
 * From the pull's end to the container's first output, beside the same `podman run` (`docker run`) by hand, in turns. And how long
 * after its delivery an invocation is answered.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engines, startEngines } from '../test/support/engines.ts';
import { MessagePlane } from '../test/support/message-plane.ts';
import { RunnerProcess } from '../test/support/runner-process.ts';

const rounds = 12;
// The first line that the test agent writes is its only one, so that the file's time is that of the first output.
const prompt = '@@sleep 0.2@@';

const folder = await mkdtemp(join(tmpdir(), 'plan42-bench-'));
try {
  await using engines = await startEngines({ dir: join(folder, 'engines'), signal: AbortSignal.timeout(120_000) });
  for (const name of ['podman', 'docker'] as const) await compare(name, engines);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function compare(name: 'podman' | 'docker', engines: Engines): Promise<void> {
  const env = engines[name]?.env;
  const image = engines.images?.agent;
  if (env === undefined || image === undefined) {
    console.log(`${name}: skipped: ${engines.missing[name] ?? engines.missing.registry ?? ''}`);
    return;
  }
  await using plane = await new MessagePlane().listen();
  const config = '[images]\npull_policy = "if-not-present"\n';
  await using runner = await RunnerProcess.start({ url: plane.url, token: plane.token, runtime: name, config, env });
  await runner.ready();
  await byRunner(plane, runner, image);
  const ours: number[] = [];
  const byHandMs: number[] = [];
  const answers: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { startMs, answerMs } = await byRunner(plane, runner, image);
    ours.push(startMs);
    answers.push(answerMs);
    byHandMs.push(await byHand(name, image, { ...process.env, ...env }));
  }
  const difference = median(ours) - median(byHandMs);
  console.log(
    `${name}: first output ${median(ours).toFixed(0)} ms after the pull, by hand ${median(byHandMs).toFixed(0)} ms: ` +
      `${difference.toFixed(0)} ms more, ${(median(ours) / median(byHandMs)).toFixed(2)}× (medians of ${rounds})`,
  );
  console.log(
    `${name}: an invocation is answered ${median(answers).toFixed(1)} ms after it is delivered (at most ${Math.max(...answers).toFixed(1)} ms)`,
  );
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
  const answerMs = performance.now() - delivered;
  const ended = await runner.logged(new RegExp(`job finished job_id=${jobId}`));
  const [, pulled = ''] = /^(\S+) DEBUG the image is there/m.exec(linesOf(ended.input, jobId)) ?? [];
  const { mtimeMs } = await stat(join(runner.folder, 'state/logs', `${jobId}.log`));
  return { startMs: mtimeMs - Date.parse(pulled), answerMs };
}

function linesOf(log: string, jobId: string): string {
  return log
    .split('\n')
    .filter((line) => line.includes(jobId))
    .join('\n');
}

async function byHand(command: string, image: string, env: NodeJS.ProcessEnv): Promise<number> {
  const requestFile = join(folder, 'request.json');
  const logFile = join(folder, `${randomUUID()}.log`);
  await writeFile(requestFile, JSON.stringify({ Prompt: prompt }));
  await using request = await open(requestFile, 'r');
  await using log = await open(logFile, 'a');
  const args = [
    'run',
    '--rm',
    '--interactive',
    '--log-driver',
    'none',
    '--entrypoint',
    '/usr/bin/agent-wrapper',
    image,
  ];
  const startedAt = Date.now();
  const child = spawn(command, args, { env, stdio: [request.fd, log.fd, log.fd] });
  await once(child, 'exit');
  return (await stat(logFile)).mtimeMs - startedAt;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

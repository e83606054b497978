/**
 * From the pull's end to the container's first output, beside the same `podman run` (`docker run`) by hand, in turns. And how long
 * after its delivery an invocation is answered.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { open, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MessagePlane } from '../test/support/message-plane.ts';
import { RunnerProcess } from '../test/support/runner-process.ts';
import { eachEngine } from './support/each-engine.ts';
import { median } from './support/median.ts';

const rounds = 12;
// The first line that the test agent writes is its only one, so that the file's time is that of the first output.
const prompt = '@@sleep 0.2@@';

await eachEngine(async ({ name, env, image, folder }) => {
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
    byHandMs.push(await byHand(name, { image, folder, env: { ...process.env, ...env } }));
  }
  const difference = median(ours) - median(byHandMs);
  console.log(
    `${name}: first output ${median(ours).toFixed(0)} ms after the pull, by hand ${median(byHandMs).toFixed(0)} ms: ` +
      `${difference.toFixed(0)} ms more, ${(median(ours) / median(byHandMs)).toFixed(2)}× (medians of ${rounds})`,
  );
  console.log(
    `${name}: an invocation is answered ${median(answers).toFixed(1)} ms after it is delivered (at most ${Math.max(...answers).toFixed(1)} ms)`,
  );
});

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

async function byHand(
  command: string,
  { image, folder, env }: { image: string; folder: string; env: NodeJS.ProcessEnv },
): Promise<number> {
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

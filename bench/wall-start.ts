/** How much later a job starts behind the wall: from `start` to the agent's first output, with and without it in turns. */
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../src/config/parse.ts';
import { createRuntime } from '../src/runtimes/select.ts';
import { testPolicy } from '../test/support/wall/walled-job.ts';
import { eachEngine } from './support/each-engine.ts';
import { median } from './support/median.ts';

const rounds = 15;
const maxLaterMs = 150;
// The first line that the test agent writes is its only one, so that the file's time is that of the first output.
const request = JSON.stringify({ Prompt: '@@sleep 0.2@@' });

await eachEngine(async ({ name, env, image, folder }) => {
  const { config } = parseConfig({ env: {}, flags: new Map() });
  const options = { config, env: { ...process.env, ...env }, instanceId: 'bench', knownJobs: async () => [] };
  const runtime = createRuntime(name, options);
  await runtime.pull(image, 'if-not-present');
  const start = async (isWalled: boolean): Promise<number> => {
    const jobId = `plan42-${crypto.randomUUID()}-1`;
    const job = join(folder, jobId);
    await mkdir(job);
    const requestFile = join(job, 'request');
    await writeFile(requestFile, request);
    const paths = { jobId, folder: job, logFile: `${job}.log` };
    const begun = Date.now();
    await runtime.start({
      ...paths,
      image,
      requestFile,
      maxLogBytes: 2 ** 20,
      egress: isWalled ? testPolicy : undefined,
    });
    const { exitCode, startError } = await runtime.wait(paths);
    if (exitCode !== 0) throw new Error(startError ?? `exit code ${exitCode}`);
    const { mtimeMs } = await stat(paths.logFile);
    await runtime.remove(paths);
    return mtimeMs - begun;
  };
  for (const isWalled of [false, true]) await start(isWalled);
  const [open, walled]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    open.push(await start(false));
    walled.push(await start(true));
  }
  const later = median(walled) - median(open);
  // On a busy machine, the least times are closest to those of an idle one.
  const leastLater = Math.min(...walled) - Math.min(...open);
  console.log(
    `${name}: first output ${median(open).toFixed(0)} ms after the start, behind the wall ${median(walled).toFixed(0)} ms: ` +
      `${later.toFixed(0)} ms later, at most ${maxLaterMs} (medians of ${rounds}; least: ${leastLater.toFixed(0)} ms later)`,
  );
});

/**
 * The gateway of one job. Its shim starts it as `plan42-gateway FOLDER`, and again if it dies. In a pod of its own, the kubelet
 * starts it as `plan42-gateway --pod`.
 */
import { dirname } from 'node:path';
import { startGateway } from '../gateway/gateway.ts';
import { startPodGateway } from '../gateway/pod/pod-gateway.ts';
import { ExitCode, formatError } from '../lib/errors.ts';
import { createPodWarden } from '../limits/pod-warden.ts';
import * as shim from '../shim/shim.ts';
import { nameProcess } from './name-process.ts';
import { stderr, stdout } from './standard-streams.ts';

nameProcess('plan42-gateway');
const folder = process.argv.at(-1) ?? '';
const signals = ['SIGTERM', 'SIGINT'] as const;
try {
  if (folder === '--pod') await serveInPod();
  else await serve();
} catch (error) {
  stderr.write(`plan42: cannot start the network gateway of the job: ${formatError(error)}\n`);
  process.exitCode = ExitCode.failed;
}

async function serve(): Promise<void> {
  const writeToLog = shim.createLogInput({ folder: dirname(folder) });
  const gateway = await startGateway({
    folder,
    // The shim adds what is written to standard error to the log when the job ends.
    writeLine: (line) => {
      if (!writeToLog(`${line}\n`)) stderr.write(`${line}\n`);
    },
  });
  const exit = () => process.exit(ExitCode.done);
  const stop = () => void gateway[Symbol.asyncDispose]().then(exit, exit);
  for (const name of signals) process.on(name, stop);
  await gateway.abandoned;
  stop();
}

/** Until the kubelet kills it: the job's pod gets the same signal at the same time, and needs its network to end in order. */
async function serveInPod(): Promise<void> {
  const gateway = await startPodGateway({
    write: (line) => stdout.write(line),
    env: process.env,
    createWarden: createPodWarden,
  });
  for (const name of signals) process.on(name, () => gateway.noteEnd());
}

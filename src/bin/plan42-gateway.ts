/** The gateway of one job. Its shim starts it as `plan42-gateway FOLDER`, and again if it dies. */
import { dirname } from 'node:path';
import { startGateway } from '../gateway/gateway.ts';
import { ExitCode, formatError } from '../lib/errors.ts';
import * as shim from '../shim/shim.ts';
import { nameProcess } from './name-process.ts';
import { stderr } from './standard-streams.ts';

nameProcess('plan42-gateway');
const folder = process.argv.at(-1) ?? '';
try {
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
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, stop);
  await gateway.abandoned;
  stop();
} catch (error) {
  stderr.write(`plan42: cannot start the network gateway of the job: ${formatError(error)}\n`);
  process.exitCode = ExitCode.failed;
}

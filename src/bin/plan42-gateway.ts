/** The gateway of one job. Its shim starts it as `plan42-gateway FOLDER`, and again if it dies. */
import { startGateway } from '../gateway/gateway.ts';
import { ExitCode, formatError } from '../lib/errors.ts';
import { nameProcess } from './name-process.ts';
import { stderr } from './standard-streams.ts';

nameProcess('plan42-gateway');
const folder = process.argv.at(-1) ?? '';
try {
  const gateway = await startGateway({ folder, writeLine: (line) => stderr.write(`${line}\n`) });
  const exit = () => process.exit(ExitCode.done);
  const stop = () => void gateway[Symbol.asyncDispose]().then(exit, exit);
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, stop);
  await gateway.abandoned;
  stop();
} catch (error) {
  stderr.write(`plan42: cannot start the network gateway of the job: ${formatError(error)}\n`);
  process.exitCode = ExitCode.failed;
}

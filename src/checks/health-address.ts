import { createServer } from 'node:net';
import { createControlClient } from '../control/client.ts';
import { ExitCode, errorCode, formatError } from '../lib/errors.ts';
import { listen } from '../lib/listen.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failed, passed, skipped } from './finding.ts';

const subject = 'health.listen';

/** The runner can listen on the address of its health endpoint, without which it does not start. */
export function checkHealthAddress(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(context, async ({ health }) => {
    if (health.listen === undefined) return [skipped(subject, 'health.listen is not set')];
    const { host, port } = health.listen;
    const address = `${host}:${port}`;
    // It listens there itself.
    if (await isRunning(context)) return [passed(subject, `${address}, used by the running runner`)];
    const server = createServer();
    try {
      await listen(server, { host, port });
      return [passed(subject, `${address} is free`)];
    } catch (error) {
      const reason = errorCode(error) === 'EADDRINUSE' ? 'another program uses it' : formatError(error);
      const text = 'Set health.listen to a free address of this machine, or remove the setting.';
      return [failed(subject, `the runner cannot listen on ${address}: ${reason}`, { text }, ExitCode.configuration)];
    } finally {
      server.close();
    }
  });
}

async function isRunning({ paths, signal }: CheckContext): Promise<boolean> {
  return createControlClient(paths.stateDir)
    .status(signal)
    .then(
      () => true,
      () => false,
    );
}

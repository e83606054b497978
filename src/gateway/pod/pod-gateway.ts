/**
 * The gateway of a job in a cluster, in a pod of its own. Its policy, its credentials and a token come in a Secret. It owns all
 * other state: its report and the calls of models go to its output, see `channel.ts`.
 */
import { join } from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import { formatError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files.ts';
import { readBytes } from '../../lib/read-file.ts';
import { sleep } from '../../lib/sleep.ts';
import { readCredentials, writeCredentials } from '../credentials.ts';
import { startGateway } from '../gateway.ts';
import { readPolicy, socketFolder, writePolicy } from '../policy.ts';
import { changedFolder, closedPort, gatewayPort, givenFolder, tokenBytes, tokenFile, workFolder } from './channel.ts';
import { openClosedPort } from './closed-port.ts';
import { openFront } from './front.ts';
import { createOutput } from './output.ts';
import { encodeTargets, findTargets } from './targets.ts';

interface PodGatewayOptions {
  /** Writes to the output of the container. */
  write: (line: string) => void;
  env: NodeJS.ProcessEnv;
}

export interface PodGateway extends AsyncDisposable {
  /** The pod is about to be killed: writes the last report. The job can still be running, so the gateway goes on. */
  noteEnd(): void;
}

const pollMs = 1000;

/** Resolves when the gateway listens. Rejects if the policy, the token or the credentials cannot be read. */
export async function startPodGateway({ write, env }: PodGatewayOptions): Promise<PodGateway> {
  await using stack = new AsyncDisposableStack();
  const output = stack.use(createOutput({ run: systemClock.date().getTime(), write }));
  const policy = await readPolicy(givenFolder);
  const token = await readBytes(join(givenFolder, tokenFile));
  if (token.length !== tokenBytes) throw new Error(`${tokenFile} is invalid`);
  await makeFolder(join(workFolder, socketFolder));
  await writePolicy(workFolder, policy);
  if (policy.broker !== undefined) {
    const changes = createChanges();
    await changes.apply();
    const done = new AbortController();
    stack.defer(() => done.abort());
    const onError = (error: unknown) =>
      output.writeLine(`plan42: credentials: cannot read their new values: ${formatError(error)}`);
    changes.follow(onError, done.signal).catch(() => {});
  }
  const gateway = stack.use(
    await startGateway({
      folder: workFolder,
      writeLine: output.writeLine,
      onReport: output.writeReport,
      onCall: output.writeCall,
    }),
  );
  // First the port that must be closed: the other one says that the pod is there.
  stack.use(await openClosedPort(closedPort));
  stack.use(
    await openFront({
      port: gatewayPort,
      token,
      accept: gateway.accept,
      findTargets: async () => encodeTargets(await findTargets(env)),
    }),
  );
  const owned = stack.move();
  return { noteEnd: output.end, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The credentials of the Secret that came with the policy, and over them those that have changed since. */
function createChanges() {
  let applied: string | undefined;

  async function apply(): Promise<void> {
    const changed = await readCredentials(changedFolder).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map<string, string>();
      throw error;
    });
    const first = await readCredentials(givenFolder);
    // A credential that was removed from the configuration has an empty value.
    const values = new Map([...first, ...changed].filter(([, value]) => value !== ''));
    const text = JSON.stringify([...values]);
    if (text === applied) return;
    await writeCredentials(workFolder, values);
    applied = text;
  }

  async function follow(onError: (error: unknown) => void, signal: AbortSignal): Promise<never> {
    let hasFailed = false;
    for (;;) {
      await sleep(pollMs, signal);
      try {
        await apply();
        hasFailed = false;
      } catch (error) {
        if (!hasFailed) onError(error);
        hasFailed = true;
      }
    }
  }

  return { apply, follow };
}

/**
 * The gateway of a job in a cluster, in a pod of its own. Its policy, its credentials and a token come in a Secret. It owns all
 * other state: its report and the calls of models go to its output, see `channel.ts`.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { systemClock } from '../../lib/clock.ts';
import { formatError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files.ts';
import { parseJson } from '../../lib/json.ts';
import { readBytes, readTextIfExists } from '../../lib/read-file.ts';
import { sleep } from '../../lib/sleep.ts';
import { readCredentials, writeCredentials } from '../credentials.ts';
import { startGateway } from '../gateway.ts';
import { parseUsage, usageFile } from '../models/ledger.ts';
import { readPolicy, socketFolder, writePolicy } from '../policy.ts';
import {
  changedFolder,
  closedPort,
  GivenLimits,
  gatewayPort,
  givenFolder,
  limitsFile,
  tokenBytes,
  tokenFile,
  workFolder,
} from './channel.ts';
import { openClosedPort } from './closed-port.ts';
import { openFront } from './front.ts';
import { createOutput, type Output } from './output.ts';
import { encodeTargets, findTargets } from './targets.ts';
import type { CreateWarden, PodWarden } from './warden.ts';

interface PodGatewayOptions {
  /** Writes to the output of the container. */
  write: (line: string) => void;
  env: NodeJS.ProcessEnv;
  createWarden: CreateWarden;
}

export interface PodGateway extends AsyncDisposable {
  /** The pod is about to be killed: writes the last report. The job can still be running, so the gateway goes on. */
  noteEnd(): void;
}

const pollMs = 1000;
/** The calls are repeated so often, or as many milliseconds as they have bytes: the node drops the beginning of a long log. */
const repeatMs = 15 * 60_000;

/** Resolves when the gateway listens. Rejects if the policy, the token or the credentials cannot be read. */
export async function startPodGateway({ write, env, createWarden }: PodGatewayOptions): Promise<PodGateway> {
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
  const given = await readLimits();
  const warden = given && (await createWarden({ ...output, folder: workFolder, given }));
  const gateway = stack.use(
    await startGateway({
      folder: workFolder,
      writeLine: output.writeLine,
      onReport: output.writeReport,
      onCall: (entry, index) => {
        output.writeCall(entry, index);
        warden?.take(entry);
      },
    }),
  );
  const repeating = new AbortController();
  stack.defer(() => repeating.abort());
  repeatCalls(output, warden, repeating.signal).catch(() => {});
  // First the port that must be closed: the other one says that the pod is there.
  stack.use(await openClosedPort(closedPort));
  stack.use(
    await openFront({
      port: gatewayPort,
      token,
      accept: gateway.accept,
      findTargets: async () => encodeTargets(await findTargets(env)),
      ...(warden && { acceptLimits: warden.accept }),
    }),
  );
  const owned = stack.move();
  return { noteEnd: output.end, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Undefined if the gateway holds no limits. */
async function readLimits(): Promise<GivenLimits | undefined> {
  const text = await readTextIfExists(join(givenFolder, limitsFile));
  return text === undefined ? undefined : v.parse(GivenLimits, parseJson(text));
}

/** For a runner that begins to read late. What it knows already changes nothing. Rejects with the reason of the signal. */
async function repeatCalls(output: Output, warden: PodWarden | undefined, signal: AbortSignal): Promise<never> {
  let waitMs = repeatMs;
  for (;;) {
    await sleep(waitMs, signal);
    const text = (await readTextIfExists(join(workFolder, usageFile)).catch(() => '')) ?? '';
    for (const [index, entry] of parseUsage(text).entries()) output.writeCall(entry, index);
    const reached = warden?.reached();
    if (reached !== undefined) output.writeReached(reached);
    waitMs = Math.max(repeatMs, text.length);
  }
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

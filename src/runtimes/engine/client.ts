/** The parts that the clients of all container engines share, including Apple's. */
import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandOptions, CommandResult } from '../../lib/run-command.ts';
import type { JobPaths, Launch } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import type { StartOptions } from '../runtime.ts';

/** Runs an engine's command with these arguments until it exits. */
export type RunEngine = (args: readonly string[], options?: Omit<CommandOptions, 'env'>) => Promise<CommandResult>;

/** Arguments of the agent's entrypoint. The request is its standard input. */
export const agentArguments = ['--encrypted-input=false', '--plan42-proxy', '--log-agent-output'];

/** Labels containers with the instance ID of their runner. */
export const instanceLabel = 'ai.plan42.instance';

/** Timeout of queries. */
export const queryTimeoutMs = 30_000;

/** Timeout of a removal: an engine waits until the container has exited, and removes a large one slowly. */
export const removalTimeoutMs = 120_000;

export const maxReasonBytes = 600;

/** Returns what a query prints; undefined if it fails. */
export async function query(
  run: RunEngine,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { exitCode, stdout } = await run(args, { signal, timeoutMs: queryTimeoutMs });
  return exitCode === 0 ? stdout.trim() : undefined;
}

/** The file to which the engine writes the container's ID, after creating the container and before starting it. */
export function containerIdFile(job: JobPaths): string {
  return join(job.folder, 'container-id');
}

/** Whether the engine has created the job's container. Docker creates the file empty at first. */
export async function hasContainerId(job: JobPaths): Promise<boolean> {
  return stat(containerIdFile(job)).then(
    ({ size }) => size > 0,
    () => false,
  );
}

/**
 * Launches the engine's client under a shim; resolves when it has created the container or has exited.
 * @throws RuntimeError
 */
export async function launchClient(
  job: StartOptions,
  client: Pick<Launch, 'command' | 'env'> & Partial<Pick<Launch, 'outputPipe'>>,
  signal?: AbortSignal,
): Promise<void> {
  await job.beforeLaunch?.();
  await shim.launch({ job, ...client, cwd: job.folder });
  await shim.waitForStart(job.folder, () => hasContainerId(job), signal);
  // Engines create it readable for all users.
  await chmod(containerIdFile(job), 0o600).catch(() => {});
}

/** Sends SIGTERM to the container with `send`, and SIGKILL if its client has not exited after `graceMs`. */
export async function killWithGrace(
  job: JobPaths,
  graceMs: number,
  send: (signal: 'TERM' | 'KILL') => Promise<unknown>,
): Promise<void> {
  await send('TERM');
  try {
    await shim.waitForExit(job.folder, AbortSignal.timeout(graceMs));
  } catch {
    await send('KILL');
  }
}

/** The last error in the output of an engine, which may follow progress, warnings and failed attempts. */
export function lastErrorLine({ stdout, stderr }: { stdout: string; stderr: string }): string {
  const lines = (stderr.trim() || stdout.trim()).split('\n');
  const line = lines.findLast((candidate) => /^error/i.test(candidate)) ?? lines.at(-1) ?? '';
  const text = line.replace(/^Error(?: response from daemon)?: /i, '').trim();
  return text.slice(0, maxReasonBytes) || 'the engine gave no reason';
}

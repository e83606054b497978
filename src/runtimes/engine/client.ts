/** What the command lines of all container engines have in common, Apple's included. */
import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandResult } from '../../lib/run-command.ts';
import type { JobPaths } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import { type PullPolicy, RuntimeError, type StartOptions } from '../runtime.ts';

/** What the agent's entrypoint gets; the request comes on standard input. */
export const agentArguments = ['--encrypted-input=false', '--plan42-proxy', '--log-agent-output'];

/** Marks containers with the ID of the runner they belong to. */
export const instanceLabel = 'ai.plan42.instance';

/** Time limit of commands that are answered from what the engine knows already. */
export const queryTimeoutMs = 30_000;

/** The same for a removal: an engine waits for the container to end, and removes a large one slowly. */
export const removalTimeoutMs = 120_000;

export const maxReasonBytes = 600;

/** Pulls the image unless the policy is content with the one that is there. @throws RuntimeError */
export async function pullByPolicy(
  image: string,
  policy: PullPolicy,
  { isThere, pull }: { isThere: () => Promise<boolean>; pull: () => Promise<CommandResult> },
): Promise<void> {
  if (policy !== 'always' && (await isThere())) return;
  if (policy === 'never') {
    throw new RuntimeError(`the image ${image} is not on this machine, and images.pull_policy is "never"`);
  }
  const result = await pull();
  if (result.exitCode !== 0) throw new RuntimeError(`cannot pull the image ${image}: ${lastErrorLine(result)}`);
}

/** The file that the engine fills with the container's ID when there is a container, right before it starts it. */
export function containerIdFile(job: JobPaths): string {
  return join(job.folder, 'container-id');
}

/** Whether the engine has made the job's container. Docker makes the file empty at first. */
export async function hasContainerId(job: JobPaths): Promise<boolean> {
  return stat(containerIdFile(job)).then(
    ({ size }) => size > 0,
    () => false,
  );
}

/**
 * Starts the engine's client under a supervisor, and resolves when it has made the container or has ended.
 * @throws RuntimeError
 */
export async function launchClient(
  job: StartOptions,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<void> {
  await shim.launch({ job, command, env, cwd: job.folder });
  await shim.waitForStart(job.folder, () => hasContainerId(job), signal);
  // Engines make it for all to read.
  await chmod(containerIdFile(job), 0o600).catch(() => {});
}

/** Has `send` deliver SIGTERM to the container, and SIGKILL when its client has not ended after `graceMs`. */
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

/** The engine's last word; before it come progress, warnings and tries that failed in the same way. */
export function lastErrorLine({ stdout, stderr }: { stdout: string; stderr: string }): string {
  const lines = (stderr.trim() || stdout.trim()).split('\n');
  const line = lines.findLast((candidate) => /^error/i.test(candidate)) ?? lines.at(-1) ?? '';
  const text = line.replace(/^Error(?: response from daemon)?: /i, '').trim();
  return text.slice(0, maxReasonBytes) || 'the engine gave no reason';
}

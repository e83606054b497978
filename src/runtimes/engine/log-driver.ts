/** Engines do nothing with the output of a job, keep it too, or give the agent the job's own pipe. */
import { join } from 'node:path';
import type { JobPaths } from '../../shim/shim.ts';
import { query, type RunEngine } from './client.ts';
import { recently } from './recently.ts';
import { isSelinuxEnforcing } from './selinux.ts';

/** The engine keeps the output, within limits, besides the client that writes the job's log. */
export const keptLogDriver = 'local';
/** The agent writes to the job's log writer without the engine. */
export const passedLogDriver = 'passthrough';
const noLogDriver = 'none';

export interface LogDriverDeps {
  run: RunEngine;
  /** Prints `true` if containers keep running while the daemon is restarted; their clients don't. */
  outlivesDaemon?: readonly string[] | undefined;
  /** Prints something that tells whether the engine can pass pipes on. */
  passesPipes?: { query: readonly string[]; isAble: (printed: string) => boolean } | undefined;
  isRemote: () => Promise<boolean>;
}

// A daemon can be restarted with another configuration at any time, a command be replaced.
const lifetimeMs = 10_000;

/** Returns how the driver for the next job is chosen. */
export function createLogDriverChoice(deps: LogDriverDeps): () => Promise<string> {
  const { run, outlivesDaemon, passesPipes, isRemote } = deps;
  const findOutlivesDaemon = recently(async () => outlivesDaemon && query(run, outlivesDaemon), lifetimeMs);
  const findPassesPipes = recently(async () => passesPipes && query(run, passesPipes.query), lifetimeMs);
  return async () => {
    if ((await findOutlivesDaemon()) === 'true') return keptLogDriver;
    // SELinux may deny containers what processes outside of them have opened.
    if (passesPipes === undefined || process.platform !== 'linux' || (await isSelinuxEnforcing())) return noLogDriver;
    const [printed, isElsewhere] = await Promise.all([findPassesPipes(), isRemote()]);
    return printed !== undefined && passesPipes.isAble(printed) && !isElsewhere ? passedLogDriver : noLogDriver;
  };
}

/**
 * How a container with this driver is started. An agent that gets the pipe of its log gets its request through a pipe as well,
 * and not as a file of this machine.
 */
export function clientOf(
  { folder }: JobPaths,
  logDriver: string,
  command: readonly string[],
): { command: readonly string[]; outputPipe: string | undefined } {
  if (logDriver !== passedLogDriver) return { command, outputPipe: undefined };
  return {
    command: ['/bin/sh', '-c', 'cat | exec "$@"', 'plan42-request', ...command],
    outputPipe: outputPipeOf(folder),
  };
}

/** The named pipe to which an agent writes without the engine. */
export function outputPipeOf(folder: string): string {
  return join(folder, 'output');
}

/** Starts the containers of `doctor` once, for all checks that judge them. */
import type { Config } from '../config/schema.ts';
import { serverOnlyPolicy } from '../jobs/egress/server-only.ts';
import { limitTrial } from '../jobs/limit-job.ts';
import { UserError } from '../lib/errors.ts';
import { type ContainerResult, runContainerCheck, type UsageLimit } from '../runtimes/check/run-check.ts';
import { type AgentAddress, type Runtime, RuntimeError } from '../runtimes/runtime.ts';
import type { CheckContext } from './check.ts';
import { existingParent } from './folders.ts';
import { startGatewayTrials } from './gateway-trials.ts';
import { withUncoveredEntrypoint } from './mounted-entrypoint.ts';
import { findRuntime } from './runtime.ts';
import { type TriedPods, tryPods } from './try-pods.ts';

/** Importing the image takes most of the time, in a cluster the proof of the wall. */
export const containerTimeoutMs = 140_000;
const runTimeoutMs = 45_000;
export const trialLimitMs = 2000;

export interface TriedContainers {
  runtime: Runtime;
  result: ContainerResult;
  /** How agents reach the server. */
  address: AgentAddress | undefined;
}

type Tried =
  | TriedContainers
  | TriedPods
  | { skipped: string }
  | { isHost: true; skipped: string }
  | { error: Error; engine: string };

export async function tryContainers(context: CheckContext): Promise<Tried> {
  const { paths, env, signal, quick } = context;
  if (quick) return { skipped: 'left out by --quick' };
  const config = withUncoveredEntrypoint((await context.readConfig()).config);
  const runtime = await findRuntime(config, context);
  if (runtime === undefined) return { skipped: 'the runtime is not ready' };
  if (runtime.name === 'host') return { isHost: true, skipped: 'the runtime host has no containers' };
  if (runtime.checkPods === undefined && (runtime.importImage === undefined || process.platform !== 'linux'))
    return { skipped: 'no program of this system runs in a container, so none was started' };
  return explainErrors(runtime, signal, async () => {
    if (runtime.checkPods !== undefined) return tryPods(runtime, config, context);
    const { url } = config.runner;
    // Where the files of jobs are: an engine may not see every folder.
    const folder = await existingParent(paths.stateDir);
    await using trials = config.credentials.broker === 'off' ? undefined : await startGatewayTrials();
    const check = {
      ...{ runtime, serverUrl: url, entrypoint: config.jobs.entrypoint, folder, timeoutMs: runTimeoutMs, signal },
      policy: (jobId: string) => serverOnlyPolicy(jobId, config, env),
      credential: trials?.credential,
      usages: trials === undefined ? [] : triedLimits(config).map(trials.usage),
      limit: limitTrial({ max_duration: trialLimitMs }, { config, runtime, env }),
    };
    const [address, result] = await Promise.all([runtime.findAgentAddress?.(url), runContainerCheck(check)]);
    return { runtime, result, address };
  });
}

/** Failures of the runtime are results. */
async function explainErrors<T>(
  { name: engine }: Runtime,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T | { error: Error; engine: string }> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    // The cluster, and the network to it, fail in their own words.
    const isOfRuntime = error instanceof UserError || error instanceof RuntimeError || engine === 'kubernetes';
    if (isOfRuntime && error instanceof Error) return { error, engine };
    throw error;
  }
}

/** A gateway that refuses calls at one of these limits proves what the other needs, too. */
function triedLimits({ limits }: Config): UsageLimit[] {
  const configured = [
    ...(limits.maxTokens === undefined ? [] : ['max_tokens' as const]),
    ...(limits.maxCost === undefined ? [] : ['max_cost' as const]),
  ];
  return configured.length > 0 ? configured : ['max_tokens'];
}

/** The limits of a job, from its environment and the configuration to the process that holds them. */
import type { Config } from '../config/schema.ts';
import { UserError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type EffectiveLimits, effectiveLimits } from '../limits/effective.ts';
import { agentLimitsFolder, agentPaths, readReached } from '../limits/files.ts';
import { describeUse, hasLimits, type JobLimits } from '../limits/limits.ts';
import { startWarden, stopWarden } from '../limits/warden-process.ts';
import type { InvokeAgentRequest } from '../plan42/messages.ts';
import type { Runtime, StartOptions } from '../runtimes/runtime.ts';
import type { JobPaths } from '../shim/shim.ts';

interface LimitDeps {
  config: Config;
  runtime: Runtime;
  invocation: InvokeAgentRequest | undefined;
  /** The variables of the runner. */
  env: NodeJS.ProcessEnv;
  logger: Logger;
}

/** @throws UserError if the environment's limits cannot be understood, or the runtime cannot hold one */
export async function limitJob({ config, runtime, invocation, logger }: LimitDeps): Promise<EffectiveLimits> {
  const effective = effectiveLimits(config, invocation?.Environment?.EnvVars);
  for (const note of effective.notes) logger.warn('limit of environment ignored', { reason: note });
  const needed = [
    ['idle_timeout', 'activity'],
    ['disk_gib', 'disk'],
  ] as const;
  for (const [limit, what] of needed) {
    if (effective.limits[limit] === undefined) continue;
    const why = await runtime.whyUnmeasured(what);
    if (why !== undefined) {
      throw new UserError(`cannot hold limits.${limit}: ${why}`, {
        remedy: `Remove limits.${limit} from the configuration of the runner and from the environment, or use another runtime.`,
      });
    }
  }
  return effective;
}

/** Starts the warden of a job with limits. Returns what the agent gets to know of it. */
export async function armWarden(
  job: JobPaths,
  { limits }: Pick<EffectiveLimits, 'limits'>,
  { config, runtime, env }: Pick<LimitDeps, 'config' | 'runtime' | 'env'>,
): Promise<Pick<StartOptions, 'variables'> & { mounts: NonNullable<StartOptions['mounts']> }> {
  if (!hasLimits(limits)) return { mounts: [] };
  const isContainer = runtime.name !== 'host';
  const hasOwnNetwork = !/^(host|container:|ns:)/.test(config.jobs.network ?? '');
  const { wrapUpMs } = config.limits;
  await startWarden({ version: 1, ...job, runtime: runtime.name, limits, wrapUpMs, hasOwnNetwork }, env);
  const { source, file } = agentPaths(job, isContainer);
  return {
    variables: { PLAN42_LIMITS: file },
    mounts: isContainer ? [{ source, target: agentLimitsFolder, isReadOnly: true, relabel: true }] : [],
  };
}

/** Limits a job that is no job of the server, to see that it ends. */
export function limitTrial(limits: JobLimits, deps: Pick<LimitDeps, 'config' | 'runtime' | 'env'>) {
  return {
    arm: (job: JobPaths): Promise<Partial<StartOptions>> => armWarden(job, { limits }, deps),
    findReached: async (job: JobPaths): Promise<string | undefined> => {
      const reached = await readReached(job);
      return reached && describeUse(reached);
    },
    disarm: stopWarden,
  };
}

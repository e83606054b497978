/** The limits of a job, from its environment and the configuration to the process that holds them. */
import type { Config } from '../config/schema.ts';
import type { EgressPolicy } from '../gateway/policy.ts';
import { UserError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type EffectiveLimits, effectiveLimits } from '../limits/effective.ts';
import { agentPaths, fileInContainer, readReached } from '../limits/files.ts';
import { describeUse, hasLimits, type JobLimits } from '../limits/limits.ts';
import { startWarden, stopWarden } from '../limits/warden-process.ts';
import type { InvokeAgentRequest } from '../plan42/messages.ts';
import { isImageAllowed } from '../runtimes/image-policy.ts';
import { agentLimitsFolder, type Runtime, type StartOptions } from '../runtimes/runtime.ts';
import type { JobPaths } from '../shim/shim.ts';

interface LimitDeps {
  config: Config;
  runtime: Runtime;
  invocation: InvokeAgentRequest | undefined;
  /** The variables of the runner. */
  env: NodeJS.ProcessEnv;
  logger: Logger;
}

interface LimitedJob {
  image: string;
  /** Undefined if the job has no wall. */
  egress: EgressPolicy | undefined;
}

/** @throws UserError if the environment's limits cannot be understood, or one cannot be held */
export async function limitJob(
  { config, runtime, invocation, logger }: LimitDeps,
  job: LimitedJob,
): Promise<EffectiveLimits> {
  const effective = effectiveLimits(config, invocation?.Environment?.EnvVars);
  for (const note of effective.notes) logger.warn('limit of environment ignored', { reason: note });
  for (const limit of ['max_tokens', 'max_cost'] as const) {
    if (effective.limits[limit] === undefined) continue;
    requireCounted(limit, config, job);
  }
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

/** @throws UserError if the calls of models do not pass through the gateway, or have no price */
function requireCounted(
  limit: 'max_tokens' | 'max_cost',
  { credentials, prices }: Config,
  { image, egress }: LimitedJob,
): void {
  const refuse = (why: string, remedy: string) => {
    throw new UserError(`cannot hold limits.${limit}: ${why}`, { remedy });
  };
  const remove = `remove limits.${limit} from the configuration of the runner and from the environment`;
  if (egress === undefined) {
    const wall =
      'Set egress.otherwise = "deny", or name the hosts that the job may reach in AllowedHosts of its environment';
    refuse(
      'the job reaches models without a gateway that counts',
      `${wall}, with docker, podman or kubernetes. Or ${remove}.`,
    );
  }
  if (credentials.broker === 'off')
    refuse('credentials.broker is "off", so that calls of models are not read', `Set it to "auto", or ${remove}.`);
  if (isImageAllowed(image, credentials.offImages))
    refuse(`its image ${image} is in credentials.off_images`, `Use another image, or ${remove}.`);
  if (limit === 'max_cost' && Object.keys(prices).length === 0)
    refuse('no model has a price', `Set the price of each model in [limits.prices."MODEL"], or ${remove}.`);
}

/** Starts the warden of a job with limits. Returns what the agent gets to know of it. */
export async function armWarden(
  job: JobPaths,
  { limits }: Pick<EffectiveLimits, 'limits'>,
  { config, runtime, env }: Pick<LimitDeps, 'config' | 'runtime' | 'env'>,
): Promise<Pick<StartOptions, 'variables' | 'limits'> & { mounts: NonNullable<StartOptions['mounts']> }> {
  if (!hasLimits(limits)) return { mounts: [] };
  if (runtime.holdsLimits) {
    const { max_duration: maxDurationMs, disk_gib: diskBytes } = limits;
    const held = { maxDurationMs, diskBytes, wrapUpMs: config.limits.wrapUpMs };
    const isCounted = limits.max_tokens !== undefined || limits.max_cost !== undefined;
    if (!isCounted) return { mounts: [], limits: held };
    return { mounts: [], limits: { ...held, counted: limits }, variables: { PLAN42_LIMITS: fileInContainer } };
  }
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

/** The secrets of a job that stay outside of it. */
import { join } from 'node:path';
import type { Connection } from '../../config/schema.ts';
import type { GithubRules } from '../../gateway/github-guard/rules.ts';
import { type EgressPolicy, gatewayFolder, type ModelPolicy, readPolicy } from '../../gateway/policy.ts';
import { systemClock } from '../../lib/clock.ts';
import { parseJson } from '../../lib/json.ts';
import type { JobLimits } from '../../limits/limits.ts';
import { isImageAllowed } from '../../runtimes/image-policy.ts';
import { requestedGithub } from '../egress/decide-egress.ts';
import { type GithubGuard, githubGuard } from '../egress/github-guard.ts';
import { modelPolicy } from '../egress/model-policy.ts';
import type { JobContext } from '../job-context.ts';
import { modelHosts } from '../model-providers.ts';
import type { JobRecord } from '../record.ts';
import { agentVariables, type Secret } from './collect.ts';
import { type JobBroker, prepareBroker } from './job-broker.ts';

/**
 * Returns the broker of a job, and the limits of what it may do on GitHub and with models. Empty if the job gets its secrets
 * itself, or has none, and no limits of these.
 * @throws UserError if a secret that the configuration names cannot be kept out of the job
 */
export async function brokerFor(
  { jobId, image }: Pick<JobRecord, 'jobId' | 'image'>,
  egress: EgressPolicy | undefined,
  { input, connection, limits }: { input: string; connection: Connection | undefined; limits: JobLimits },
  context: JobContext,
): Promise<{ broker?: JobBroker | undefined; github?: GithubRules; models?: ModelPolicy }> {
  const { config, store, credentials, env, logger } = context;
  if (egress === undefined || config.credentials.broker === 'off') return {};
  if (isImageAllowed(image, config.credentials.offImages)) {
    logger.info('job gets its secrets itself', { image, reason: 'credentials.off_images' });
    return {};
  }
  const request = parseJson(input) as Record<string, unknown>;
  const secrets = credentials.collect(connection, request);
  const before = await readPolicy(join(store.paths(jobId).folder, gatewayFolder)).catch(() => undefined);
  const guard = guardFor(secrets, connection, context);
  const others = secrets.flatMap(({ targets }) => targets.filter(({ isPlain }) => !isPlain));
  const endpoints = modelHosts(credentials.current(), request).flatMap(({ urls }) => urls);
  const models = modelPolicy({
    config,
    limits,
    variables: agentVariables({ config, env, request }),
    endpoints,
    others,
  });
  const guardedHosts = [...(guard?.hosts ?? []), ...(models?.intercepted ?? [])];
  const broker = prepareBroker({ secrets, guardedHosts, config, previous: before?.broker, now: systemClock.date() });
  return { broker, ...(guard && { github: guard.rules }), ...(models && { models: models.policy }) };
}

/** Undefined if no secret of the job is for GitHub. */
function guardFor(
  secrets: readonly Secret[],
  connection: Connection | undefined,
  { github, invocation }: JobContext,
): GithubGuard | undefined {
  const url = connection?.url ?? requestedGithub(invocation) ?? new URL('https://github.com');
  const table = github.findTable(invocation?.PrivateGithubConnectionID) ?? github.findOnly(url);
  const guard = githubGuard({ url, table, invocation });
  const hosts = new Set(guard?.guarded);
  return secrets.some(({ targets }) => targets.some(({ host }) => hosts.has(host))) ? guard : undefined;
}

/** Optional: the gateway keeps the secrets that it has. */
export async function refreshCredentials(jobId: string, { store, credentials, logger }: JobContext): Promise<void> {
  await credentials.refresh(store.paths(jobId).folder).catch((error: unknown) => {
    logger.warn('cannot give job its changed credentials', { error });
  });
}

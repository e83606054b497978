/** Decides what a job may reach, by its environment and the configuration. */
import type { InvokeAgentRequest } from '../../plan42/messages.ts';
import { githubRepos } from '../github-repos.ts';
import type { JobContext } from '../job-context.ts';
import { modelHosts } from '../model-providers.ts';
import type { JobRecord } from '../record.ts';
import { computePolicy, type EgressDecision } from './compute-policy.ts';

/** @throws UserError if the hosts that the job may reach cannot be determined */
export function decideEgress({ jobId }: JobRecord, context: JobContext): EgressDecision {
  const { config, credentials, serverUrl, env, github, invocation, logger } = context;
  const connection = github.find(invocation?.PrivateGithubConnectionID);
  const requested = connection === undefined ? requestedGithub(invocation) : undefined;
  const decision = computePolicy({
    jobId,
    config,
    allowedHosts: invocation?.Environment?.AllowedHosts,
    variables: invocation?.Environment?.EnvVars,
    models: modelHosts(credentials.current(), invocation ?? {}),
    serverUrl,
    github: connection
      ? { url: connection.url, isConfigured: true }
      : requested && { url: requested, isConfigured: false },
    env,
  });
  for (const note of decision.notes) logger.warn('allowed hosts of environment limited', { reason: note });
  return decision;
}

export function requestedGithub(invocation: InvokeAgentRequest | undefined): URL | undefined {
  const url = invocation?.GithubURL;
  if (typeof url === 'string' && url !== '') return URL.parse(url) ?? undefined;
  return githubRepos(invocation).length > 0 ? new URL('https://github.com') : undefined;
}

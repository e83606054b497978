/** The guards of each intercepted host. */
import { createGithubGuard } from '../github-guard/guard.ts';
import { guardedHosts } from '../github-guard/hosts.ts';
import type { Target } from '../host-name.ts';
import type { EgressPolicy } from '../policy.ts';
import type { Guard } from './hooks.ts';

/** Returns the guards of a host, in the order in which they review a request. */
export type FindGuards = (target: Target) => readonly Guard[];

export function createGuards({ github }: Pick<EgressPolicy, 'github'>): FindGuards {
  const githubGuards = github === undefined ? [] : [createGithubGuard(github)];
  const githubHosts = new Set(github === undefined ? [] : guardedHosts(github.host));
  // Without TLS, a host may be what redirects to it.
  const ports = github === undefined ? [] : [github.port, ...(github.port === 443 ? [80] : [])];
  return ({ host, port }) => (githubHosts.has(host.text) && ports.includes(port) ? githubGuards : []);
}

import type { Config } from '../../config/schema.ts';
import type { EgressPolicy } from '../../gateway/policy.ts';
import { frontProxy } from './front-proxy.ts';
import { serverRule } from './server-rule.ts';

/** A policy that allows the Plan42 server of the configuration, as every job's does, and nothing else. @throws UserError */
export function serverOnlyPolicy(
  jobId: string,
  config: Pick<Config, 'egress' | 'network' | 'runner'>,
  env: NodeJS.ProcessEnv,
): EgressPolicy {
  const proxy = frontProxy(config, env);
  return {
    version: 1,
    jobId,
    mode: 'enforce',
    rules: [],
    addresses: [],
    server: serverRule(config.runner.url, config.runner.url),
    ...(proxy && { proxy }),
    remedy: 'Only the Plan42 server is allowed.',
  };
}

/** Whether every job has a wall, also if its environment names no hosts. */
export function isWallForAll({ mode, otherwise }: Config['egress']): boolean {
  return mode === 'enforce' || mode === 'observe' || (mode === 'auto' && otherwise !== 'open');
}

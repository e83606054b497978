/** How the gateway of a job is started. */
import { join } from 'node:path';
import { gatewayFolder, socketFolder } from '../gateway/policy.ts';
import { type Companion, type JobPaths, programCommand } from '../shim/shim.ts';

/** The gateway's own folder. The shim knows its name, too. */
export function egressFolder({ folder }: JobPaths): string {
  return join(folder, gatewayFolder);
}

/** @param env what describes the user, and names certificate authorities; proxies are in the policy */
export function companionOf(job: JobPaths, env: NodeJS.ProcessEnv): Companion {
  const folder = egressFolder(job);
  return {
    folder,
    // `init` looks for it.
    failureFile: join(folder, socketFolder, 'failed'),
    command: programCommand('plan42-gateway'),
    env,
  };
}

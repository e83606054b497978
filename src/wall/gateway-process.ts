/** How the gateway of a job is started. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isSea } from 'node:sea';
import { gatewayFolder, socketFolder } from '../gateway/policy.ts';
import type { Companion, JobPaths } from '../shim/shim.ts';

const bundle = 'plan42-gateway.mjs';
// Relative to a chunk, to an executable's bundle, and to the sources.
const places = ['..', '.', '../../dist/js'];

/** The gateway's own folder. The shim knows its name, too. */
export function egressFolder({ folder }: JobPaths): string {
  return join(folder, gatewayFolder);
}

/** @param env what describes the user; proxies are in the policy */
export function companionOf(job: JobPaths, env: NodeJS.ProcessEnv): Companion {
  const folder = egressFolder(job);
  return {
    folder,
    // `init` looks for it.
    failureFile: join(folder, socketFolder, 'failed'),
    command: gatewayCommand(),
    env,
  };
}

function gatewayCommand(): string[] {
  if (isSea()) return [process.execPath, 'plan42-gateway'];
  const found = places.map((place) => join(import.meta.dirname, place, bundle)).find((path) => existsSync(path));
  // Without the file the gateway fails, and so the job is refused with that reason.
  return [process.execPath, '--max-old-space-size=64', found ?? bundle];
}

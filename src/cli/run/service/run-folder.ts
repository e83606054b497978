/** The files of the service behind `plan42 run`: a server and a runner for one user. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { runtimeNames } from '../../../config/schema.ts';
import { tryParseJson } from '../../../lib/json.ts';
import { readTextIfExists } from '../../../lib/read-file.ts';
import type { CliContext } from '../../context.ts';

export interface RunFolder {
  folder: string;
  /** The server's data. */
  data: string;
  /** The runner's state. */
  runner: string;
  /** Optional settings of the runner. */
  runnerConfig: string;
  log: string;
  /** Output of a start that fails. */
  startLog: string;
  /** {@link ServiceInfo}; exists while the service runs, or was killed. */
  info: string;
  /** Held while a service is started or stopped. */
  startLock: string;
}

/** @throws never; the folder may not exist */
export function runFolder({ env, platform }: Pick<CliContext, 'env' | 'platform'>): RunFolder {
  const folder = env['PLAN42_RUN_DIR'] || stateFolder(env, platform);
  return {
    folder,
    data: join(folder, 'server'),
    runner: join(folder, 'runner'),
    runnerConfig: join(folder, 'runner.toml'),
    log: join(folder, 'service.log'),
    startLog: join(folder, 'start.log'),
    info: join(folder, 'service.json'),
    startLock: join(folder, 'start.lock'),
  };
}

function stateFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  const home = env['HOME'] || homedir();
  if (platform === 'darwin') return join(home, 'Library/Application Support/ai.plan42.run');
  // The XDG base directory specification ignores relative paths.
  const base = env['XDG_STATE_HOME']?.startsWith('/') ? env['XDG_STATE_HOME'] : join(home, '.local/state');
  return join(base, 'plan42-run');
}

const ServiceInfo = v.object({
  /** Of this start. */
  startId: v.string(),
  pid: v.number(),
  port: v.number(),
  version: v.string(),
  /** The runtime of the runner; null if no runner could start. */
  runtime: v.nullable(v.picklist(runtimeNames)),
});
export type ServiceInfo = v.InferOutput<typeof ServiceInfo>;

/** Reads the file that the service writes when it is ready. Undefined without a file, or for one that is damaged. */
export async function readServiceInfo({ info }: RunFolder): Promise<ServiceInfo | undefined> {
  const parsed = v.safeParse(ServiceInfo, tryParseJson((await readTextIfExists(info)) ?? ''));
  return parsed.success ? parsed.output : undefined;
}

/** Exists if the service with this ID must stop. A file instead of a signal, because a process ID may be of another process. */
export function stopFile({ folder }: RunFolder, startId: string): string {
  return join(folder, `stop-${startId}`);
}

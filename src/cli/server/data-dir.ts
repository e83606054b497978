import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The folder of the server's data: `data` when given, else the platform's place for a program's data. */
export function serverDataDir(
  data: string | undefined,
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): string {
  if (data !== undefined) return resolve(data);
  const home = env['HOME'] || homedir();
  if (platform === 'darwin') return join(home, 'Library/Application Support/ai.plan42.server');
  // The XDG base directory specification has relative paths ignored.
  const base = env['XDG_DATA_HOME']?.startsWith('/') ? env['XDG_DATA_HOME'] : join(home, '.local/share');
  return join(base, 'plan42-server');
}

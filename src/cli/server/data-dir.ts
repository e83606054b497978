import { homedir } from 'node:os';
import { join } from 'node:path';

/** The data folder of the server: `data`, an absolute path, or by default the platform's folder for application data. */
export function serverDataDir(
  data: string | undefined,
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): string {
  if (data !== undefined) return data;
  const home = env['HOME'] || homedir();
  if (platform === 'darwin') return join(home, 'Library/Application Support/ai.plan42.server');
  // The XDG base directory specification ignores relative paths.
  const base = env['XDG_DATA_HOME']?.startsWith('/') ? env['XDG_DATA_HOME'] : join(home, '.local/share');
  return join(base, 'plan42-server');
}

import { homedir } from 'node:os';

/**
 * Replaces a leading `~/` by the home folder: shells leave it alone in `--data=~/srv`, and files have no shell. Undefined for
 * the home folder of another user, `~name`.
 */
export function expandHome(path: string, home: string = homedir()): string | undefined {
  if (path === '~' || path.startsWith('~/')) return home + path.slice(1);
  return path.startsWith('~') ? undefined : path;
}

/** The remedy for a path of which `expandHome` returns undefined. */
export function homeRemedy(path: string): string {
  return `Write the whole path instead of ${path.split('/')[0]}, or ./${path} for a file of that name`;
}

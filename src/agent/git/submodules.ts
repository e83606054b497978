import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Git, tryGit } from './git.ts';

/** Returns the paths of the submodules. */
export async function submodulePaths(local: Git): Promise<string[]> {
  if (!existsSync(join(local.folder, '.gitmodules'))) return [];
  const listed = await tryGit(local, ['config', '--null', '--file', '.gitmodules', '--get-regexp', '[.]path$']);
  return (listed ?? '').split('\0').flatMap((entry) => (entry === '' ? [] : [entry.slice(entry.indexOf('\n') + 1)]));
}

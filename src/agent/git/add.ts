import { type Git, GitError, git } from './git.ts';

/** A file that git does not accept. */
export interface Refused {
  path: string;
  reason: string;
}

export interface Added {
  refused: Refused[];
  /** Folders that cannot be read. git only warns of them. */
  unreadable: string[];
}

/** Adds all changes to the index, except the files that git does not accept. */
export async function addAll(local: Git): Promise<Added> {
  let warnings = '';
  // The usual case needs one command, however many files there are.
  const error = await tryAdd(local, [':/'], (text) => {
    warnings = text;
  });
  const unreadable = unreadableFolders(error?.output ?? warnings);
  if (error === undefined) return { refused: [], unreadable };
  return { refused: await addEach(local, await pendingPaths(local)), unreadable };
}

function unreadableFolders(output: string): string[] {
  const found = output.matchAll(/^warning: could not open directory '(.*)': /gm);
  return [...new Set([...found].map(([, path = '']) => path.replace(/\/$/, '')))];
}

// One bad file ends the whole command, so halves find it.
async function addEach(local: Git, paths: readonly string[]): Promise<Refused[]> {
  if (paths.length === 0) return [];
  const error = await tryAdd({ ...local, env: { ...local.env, GIT_LITERAL_PATHSPECS: '1' } }, paths);
  if (error === undefined) return [];
  const [path, ...others] = paths;
  if (path !== undefined && others.length === 0) return [{ path, reason: firstReason(error.output) }];
  const middle = Math.ceil(paths.length / 2);
  return [...(await addEach(local, paths.slice(0, middle))), ...(await addEach(local, paths.slice(middle)))];
}

async function tryAdd(
  local: Git,
  paths: readonly string[],
  onWarning: (text: string) => void = () => {},
): Promise<GitError | undefined> {
  const settings = ['-c', 'core.safecrlf=false', '-c', 'core.sparseCheckout=false'];
  const add = ['add', '--all', '--ignore-errors', '--pathspec-from-file=-', '--pathspec-file-nul'];
  try {
    await git(local, [...settings, ...add], { input: paths.join('\0'), onWarning });
    return undefined;
  } catch (error) {
    if (error instanceof GitError && !error.wasKilled) return error;
    throw error;
  }
}

/** Paths with changes that are not in the index. */
async function pendingPaths(local: Git): Promise<string[]> {
  const args = ['status', '--porcelain', '-z', '--untracked-files=all', '--no-renames', '--ignore-submodules=dirty'];
  const entries = (await git(local, args)).split('\0');
  return entries.flatMap((entry) => (entry === '' || entry[1] === ' ' ? [] : [entry.slice(3)]));
}

function firstReason(output: string): string {
  const lines = output.trim().split('\n');
  const line = lines.find((line) => /^(?:fatal|error):/.test(line)) ?? lines[0] ?? '';
  return line.replace(/^(?:fatal|error): */, '').slice(0, 200);
}

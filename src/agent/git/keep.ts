/** Keeps work that cannot be pushed: in a folder that outlives the container, if there is one, else as a patch in the log. */
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { runCommand } from '../../lib/run-command.ts';
import { isWritable } from '../workspace.ts';
import type { Clone } from './clone.ts';
import { gitEnvironment } from './environment.ts';
import { type Git, GitError, git, tryGit } from './git.ts';
import { hasCommits, hasOwnWork, nestedIn } from './nested.ts';
import { headOf } from './push.ts';

export interface KeepOptions {
  env: NodeJS.ProcessEnv;
  /** Identifies the turn in the names of files. */
  id: string;
  log: (line: string) => void;
}

const defaultFolder = '/var/lib/plan42/bundles';
const maxPatchBytes = 200_000;
const maxPatches = 100;

/** Keeps commits that could not be pushed. Returns a sentence that says where. Empty if there is nothing to keep. */
export async function keepWork(clone: Clone, options: KeepOptions): Promise<string> {
  const { folder, name, featureBranch, baseline } = clone;
  const local: Git = { folder, env: gitEnvironment(options.env) };
  const head = await headOf(clone, options.env);
  if (head === undefined || head === baseline) return '';
  const file = await fileFor(options, `${name}.bundle`);
  if (file !== undefined) {
    await git(local, ['branch', '--force', featureBranch, 'HEAD']).catch(ignoreGitErrors);
    const range = baseline === undefined ? [] : [`^${baseline}`];
    const bundled = await tryGit(local, ['bundle', 'create', '--quiet', file, featureBranch, ...range]);
    if (bundled !== undefined) {
      return `What was done is in ${file} on the machine of the runner: git fetch ${file} ${featureBranch}`;
    }
  }
  // The output of larger ones is not even read.
  const patch = await tryGit(local, ['diff', '--binary', baseline ?? (await emptyTree(local)), 'HEAD']).catch(() => '');
  return printPatch(`What was done in ${name}`, { name, patch }, options);
}

/** Keeps the files of a clone that cannot be committed at all. Returns a sentence that says where. */
export async function keepFiles(
  { folder, name }: Clone,
  paths: readonly string[],
  options: KeepOptions,
): Promise<string> {
  const archive = await archiveOf(folder, paths, options, `${name}.tar.gz`);
  if (archive !== undefined) return `The files are in ${archive} on the machine of the runner.`;
  const local: Git = { folder, env: gitEnvironment(options.env) };
  const patches: string[] = [];
  if (paths.length <= maxPatches) for (const path of paths) patches.push(await patchOfFile(local, path));
  return printPatch('What they contain', { name, patch: patches.join('') }, options);
}

/** Keeps the work in a repository inside of a clone. Returns a sentence that says where. Empty if there is none. */
export async function keepRepository(clone: Clone, path: string, options: KeepOptions): Promise<string> {
  const { folder, name } = clone;
  const local: Git = { folder, env: gitEnvironment(options.env) };
  if (!(await hasOwnWork(local, path))) return '';
  const archive = await archiveOf(folder, [path], options, `${name}-${path}.tar.gz`);
  if (archive !== undefined) return `It is in ${archive} on the machine of the runner.`;
  const nested = nestedIn(local, path);
  const own = ((await tryGit(nested, ['rev-list', 'HEAD', '--not', '--remotes'])) ?? '').split('\n').at(-1) ?? '';
  const base = await tryGit(nested, ['rev-parse', '--verify', '--quiet', own === '' ? 'HEAD' : `${own}^`]);
  await tryGit(nested, ['add', '--all', '--ignore-errors']);
  const diff = ['diff', '--cached', '--binary', base ?? (await emptyTree(nested))];
  const patch = await tryGit(nested, diff).catch(() => '');
  return printPatch('What was done in it', { name: `${path} of ${name}`, patch }, options);
}

/** Keeps the history of a repository whose files are committed. Undefined if it has none. */
export async function keepHistory(
  { folder, name }: Clone,
  path: string,
  options: KeepOptions,
): Promise<string | undefined> {
  const nested = nestedIn({ folder, env: gitEnvironment(options.env) }, path);
  if (!(await hasCommits(nested))) return undefined;
  const file = await fileFor(options, `${name}-${path}.bundle`);
  const isKept = file !== undefined && (await tryGit(nested, ['bundle', 'create', '--quiet', file, '--all', 'HEAD']));
  return isKept === undefined || isKept === false
    ? 'Its files were committed without its history.'
    : `Its files were committed. Its history is in ${file} on the machine of the runner.`;
}

async function fileFor({ env, id }: KeepOptions, name: string): Promise<string | undefined> {
  const folder = env['PLAN42_BUNDLES'] || defaultFolder;
  return (await isWritable(folder)) ? join(folder, `${id}-${name.replaceAll('/', '-')}`) : undefined;
}

async function archiveOf(
  folder: string,
  paths: readonly string[],
  options: KeepOptions,
  name: string,
): Promise<string | undefined> {
  const file = await fileFor(options, name);
  if (file === undefined) return undefined;
  const args = [
    '-C',
    folder,
    '-czf',
    file,
    '--exclude=./.git',
    ...paths.map((path) => (path === '.' ? path : `./${path}`)),
  ];
  const { exitCode, stderr } = await runCommand('tar', args, { env: options.env }).catch((error: unknown) => ({
    exitCode: undefined,
    stderr: String(error),
  }));
  if (exitCode === 0) return file;
  options.log(`cannot write ${file}: ${stderr.trim()}`);
  await rm(file, { force: true });
  return undefined;
}

async function patchOfFile({ folder, env }: Git, path: string): Promise<string> {
  // Outside of the repository, whose filters may be the reason. Its folder takes the place of a prefix.
  const parent: Git = { folder: dirname(folder), env };
  const diff = ['diff', '--no-index', '--binary', '--no-prefix', '--', '/dev/null', join(basename(folder), path)];
  // It exits with 1, because they differ.
  return await git(parent, diff).catch((error: unknown) => {
    return error instanceof GitError && error.exitCode === 1 ? error.output : '';
  });
}

function printPatch(
  what: string,
  { name, patch = '' }: { name: string; patch: string | undefined },
  { log }: KeepOptions,
): string {
  if (patch === '' || patch.length > maxPatchBytes) {
    return `${what} is lost: there is no folder for it. Mount one at ${defaultFolder}.`;
  }
  log(`Changes of ${name}, for "git apply":\n${patch}`);
  return `${what} is a patch in the log, for "git apply".`;
}

function emptyTree(local: Git): Promise<string> {
  return git(local, ['hash-object', '-t', 'tree', '/dev/null']);
}

function ignoreGitErrors(error: unknown): void {
  if (!(error instanceof GitError)) throw error;
}

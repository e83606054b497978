import { join } from 'node:path';
import { isWritable } from '../workspace.ts';
import type { Clone } from './clone.ts';
import { gitEnvironment } from './environment.ts';
import { type Git, GitError, git, tryGit } from './git.ts';
import { headOf } from './push.ts';

const defaultFolder = '/var/lib/plan42/bundles';
const maxPatchBytes = 200_000;

/**
 * Keeps commits that could not be pushed: as a bundle in a folder that outlives the container, if there is one, else as a
 * patch in the log. Returns a sentence that says where. Empty if there is nothing to keep.
 */
export async function keepWork(
  clone: Clone,
  { env, id, log }: { env: NodeJS.ProcessEnv; id: string; log: (line: string) => void },
): Promise<string> {
  const { folder, name, featureBranch, baseline } = clone;
  const local: Git = { folder, env: gitEnvironment(env) };
  const head = await headOf(clone, env);
  if (head === undefined || head === baseline) return '';
  const bundles = env['PLAN42_BUNDLES'] || defaultFolder;
  if (await isWritable(bundles)) {
    const file = join(bundles, `${id}-${name.replace('/', '-')}.bundle`);
    await git(local, ['branch', '--force', featureBranch, 'HEAD']).catch(ignoreGitErrors);
    const range = baseline === undefined ? [] : [`^${baseline}`];
    const bundled = await tryGit(local, ['bundle', 'create', '--quiet', file, featureBranch, ...range]);
    if (bundled !== undefined) {
      return `What was done is in ${file} on the machine of the runner: git fetch ${file} ${featureBranch}`;
    }
  }
  const patch = await patchOf(local, baseline);
  if (patch === undefined || patch.length > maxPatchBytes) return '';
  log(`Changes of ${name}, for "git apply":\n${patch}`);
  return `What was done in ${name} is a patch in the log, for "git apply".`;
}

async function patchOf(local: Git, baseline: string | undefined): Promise<string | undefined> {
  const emptyTree = await git(local, ['hash-object', '-t', 'tree', '/dev/null']);
  // The output of larger ones is not even read.
  return await tryGit(local, ['diff', '--binary', baseline ?? emptyTree, 'HEAD']).catch(() => undefined);
}

function ignoreGitErrors(error: unknown): void {
  if (!(error instanceof GitError)) throw error;
}

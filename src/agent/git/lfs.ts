/** Files of Git LFS: git commits pointers, and their contents are uploaded before the push. */
import { existsSync } from 'node:fs';
import { TurnFailure } from '../failures.ts';
import { lastReason } from './explain.ts';
import { type Git, GitError, git, tryGit } from './git.ts';
import type { Location } from './locate.ts';

/** A clone, with the commit that the turn started from. */
type Worked = Pick<Location, 'name' | 'url' | 'isHosted'> & { baseline: string | undefined };

/** The contents of files could not be uploaded, so the commits that point to them are not pushed. */
export class LfsFailure extends TurnFailure {
  readonly paths: readonly string[];

  constructor(sentence: string, paths: readonly string[], options: { remedy: string; cause: unknown }) {
    super(sentence, options);
    this.paths = paths;
  }
}

/** Lets git commit contents instead of pointers in this clone, for a server without Git LFS. */
export async function commitContents(local: Git): Promise<void> {
  const settings = { clean: 'cat', process: '', required: 'false' };
  for (const [key, value] of Object.entries(settings)) await git(local, ['config', `filter.lfs.${key}`, value]);
}

/** Uploads the contents that the commits of the turn point to. @throws LfsFailure */
export async function uploadContents({ name, url, baseline }: Worked, local: Git): Promise<void> {
  const objects = await git(local, ['rev-parse', '--path-format=absolute', '--git-path', 'lfs/objects']);
  // The filter of Git LFS creates it with the first contents.
  if (!existsSync(objects)) return;
  try {
    // The agent may have changed it.
    await git(local, ['config', '--replace-all', 'remote.origin.url', url]);
    await git(local, ['-c', 'lfs.locksverify=false', 'lfs', 'push', 'origin', 'HEAD']);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const changed = baseline === undefined ? ['HEAD'] : [baseline, 'HEAD'];
    const paths = (await tryGit(local, ['lfs', 'ls-files', '--name-only', ...changed])) ?? '';
    throw new LfsFailure(
      `cannot upload the files of Git LFS to ${name}: ${lastReason(error.output).replace(/\.$/, '')}.`,
      paths.split('\n').filter((path) => path !== ''),
      { remedy: 'Check that the repository has Git LFS, then repeat the turn.', cause: error },
    );
  }
}

/** Returns a sentence if the turn committed contents of files that the repository keeps by Git LFS. */
export async function noteContents({ name, baseline, isHosted }: Worked, local: Git): Promise<string | undefined> {
  if (baseline === undefined) return undefined;
  const [first, ...others] = await committedContents(local, baseline);
  if (first === undefined) return undefined;
  const files = `${first}${others.length > 0 ? ` and ${others.length} more` : ''} of ${name}`;
  return isHosted
    ? `The commit has the contents of ${files}, not pointers of Git LFS. After you have taken them over, run: git add --renormalize .`
    : `The commit has the contents of ${files}, not pointers, because Git LFS is not set up in the image. Install git-lfs there, and run "git lfs install".`;
}

async function committedContents(local: Git, baseline: string): Promise<string[]> {
  const changed = await git(local, ['diff', '--name-only', '--no-renames', '--diff-filter=AM', '-z', baseline, 'HEAD']);
  if (changed === '') return [];
  const words = (await git(local, ['check-attr', '--stdin', '-z', 'filter'], { input: changed })).split('\0');
  const paths = words.filter((_, index) => index % 3 === 0 && words[index + 2] === 'lfs');
  const kept: string[] = [];
  for (const path of paths) {
    const size = Number(await git(local, ['cat-file', '-s', `HEAD:${path}`]));
    // Larger ones are no pointers, and are not read.
    const isPointer = size < 1024 && (await git(local, ['cat-file', 'blob', `HEAD:${path}`])).startsWith(pointerBegin);
    if (!isPointer && size > 0) kept.push(path);
  }
  return kept;
}

const pointerBegin = 'version https://git-lfs.github.com/spec/v1';

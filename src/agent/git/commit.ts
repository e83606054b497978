import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { retry } from '../../lib/retry.ts';
import { addAll, type Refused } from './add.ts';
import type { Clone } from './clone.ts';
import { gitEnvironment } from './environment.ts';
import { type Git, GitError, git, tryGit } from './git.ts';
import { type KeepOptions, keepHistory } from './keep.ts';
import { noteContents } from './lfs.ts';
import { leaveOutRepositories, takeInOwnRepositories } from './nested.ts';
import { isIntact, restoreRepository } from './repair.ts';

export interface Committed {
  refused: Refused[];
  /** Paths of repositories in the clone, whose changes are not in the commit. */
  leftOut: string[];
  /** Sentences for people. */
  notes: string[];
}

export type CommitOptions = KeepOptions & { message: string };

const attempts = 4;
const backoff = { minMs: 100, maxMs: 1000 };

/** Commits everything that can be committed. Restores the repository if the agent has damaged it. @throws TurnFailure */
export async function commitAll(clone: Clone, options: CommitOptions): Promise<Committed> {
  const isDamaged = !(await isIntact(clone, options.env));
  if (isDamaged) return await restoreAndCommit(clone, options);
  try {
    return await retry(() => commitFiles(clone, options), {
      backoff,
      maxAttempts: attempts,
      shouldRetry: (error) => error instanceof GitError && error.wasKilled,
    });
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    options.log(error.message);
    return await restoreAndCommit(clone, options);
  }
}

/** As {@link commitAll}, with a new `.git`. */
export async function restoreAndCommit(clone: Clone, options: CommitOptions): Promise<Committed> {
  const note = await restoreRepository(clone, options);
  options.log(note);
  const committed = await commitFiles(clone, options);
  return { ...committed, notes: [note, ...committed.notes] };
}

async function commitFiles(clone: Clone, options: CommitOptions): Promise<Committed> {
  const { folder, name } = clone;
  const { message, env } = options;
  const local: Git = { folder, env: gitEnvironment(env) };
  await removeLocks(local);
  const notes: string[] = [];
  await takeInOwnRepositories(local, async (path) => {
    const kept = await keepHistory(clone, path, options);
    if (kept !== undefined) notes.push(`${path} of ${name} was a repository of its own. ${kept}`);
  });
  const { refused, unreadable } = await addAll(local);
  if (unreadable.length > 0) {
    const note = `Folders of ${name} that cannot be read were not committed: ${unreadable.join(', ')}.`;
    options.log(note);
    notes.push(note);
  }
  const leftOut = await leaveOutRepositories(local);
  for (const path of leftOut) options.log(`Left out ${path}, because it is a repository of its own.`);
  if ((await tryGit(local, ['diff', '--cached', '--quiet'])) === undefined) {
    await git(local, ['commit', '--quiet', '--no-verify', '--file=-'], { input: message });
  }
  const note = await noteContents(clone, local);
  if (note !== undefined) notes.push(note);
  return { refused, leftOut, notes };
}

// The agent may have been killed in the middle of a command. It no longer runs.
async function removeLocks(local: Git): Promise<void> {
  const folders = await git(local, ['rev-parse', '--path-format=absolute', '--git-dir', '--git-common-dir']);
  for (const folder of new Set(folders.split('\n'))) {
    const [top, refs] = await Promise.all([
      readdir(folder),
      readdir(join(folder, 'refs'), { recursive: true }).catch(() => []),
    ]);
    const locks = [...top, ...refs.map((path) => join('refs', path))].filter((path) => path.endsWith('.lock'));
    for (const lock of locks) await rm(join(folder, lock), { recursive: true, force: true });
  }
}

/** Hosted repositories in a backup: the refs of each, and one pack of git with all that they reach. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { errorCode } from '../../lib/errors.ts';
import { createFile, exists, makeFolder } from '../../lib/files.ts';
import { readTextIfExists } from '../../lib/read-file.ts';
import { isRepositoryName } from '../../plan42/hosted-repositories.ts';
import { initRepository } from './init-repository.ts';
import { Repositories, repositoryFolder } from './repositories.ts';
import { GitMissing, gitEnvironment, gitSettings, runGit } from './run-git.ts';

const tables = `
CREATE TABLE backup_repositories (Name TEXT PRIMARY KEY, Refs TEXT NOT NULL, Shallow TEXT NOT NULL) STRICT;
CREATE TABLE backup_packs (Name TEXT, Part INTEGER, Content BLOB NOT NULL, PRIMARY KEY (Name, Part)) STRICT;`;

/**
 * Adds the hosted repositories of a data folder to the copy of its database. Pushes may go on: git writes a commit before
 * the ref that names it, so a repository is saved as it was when its refs were read.
 * @returns the number of repositories
 * @throws GitMissing if there are some
 */
export async function saveRepositories(dataDir: string, env: NodeJS.ProcessEnv, copy: DatabaseSync): Promise<number> {
  const repositories = new Repositories(dataDir, env);
  copy.exec(tables);
  const [addRepository, addPart] = [
    copy.prepare('INSERT INTO backup_repositories VALUES (?, ?, ?)'),
    copy.prepare('INSERT INTO backup_packs VALUES (?, ?, ?)'),
  ];
  let count = 0;
  for (const name of await repositories.list()) {
    const path = repositoryFolder(repositories.folder, name);
    try {
      const refs = await runGit(['-C', path, 'for-each-ref', '--format=%(objectname) %(refname)'], env);
      // Read after the refs, because a push writes it before them.
      const shallow = (await readTextIfExists(join(path, 'shallow'))) ?? '';
      let part = 0;
      if (refs !== '') {
        for await (const content of inParts(packOf(path, refs, env))) {
          part += 1;
          addPart.run(name, part, content);
        }
      }
      addRepository.run(name, refs, shallow);
      count += 1;
    } catch (error) {
      // It was deleted meanwhile.
      if (await exists(path)) throw error;
      copy.prepare('DELETE FROM backup_packs WHERE Name = ?').run(name);
    }
  }
  return count;
}

/** All objects that the refs reach. */
async function* packOf(path: string, refs: string, env: NodeJS.ProcessEnv): AsyncGenerator<Uint8Array> {
  const args = ['-C', path, 'pack-objects', '--revs', '--stdout', '--delta-base-offset', '-q'];
  const child = spawn('git', [...gitSettings, ...args], { env: gitEnvironment(env), stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(child, 'close').catch((error: unknown) => {
    throw errorCode(error) === 'ENOENT' ? new GitMissing() : error;
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-4096);
  });
  child.stdin.on('error', () => {});
  child.stdin.end(linesOf(refs, ([object]) => object));
  try {
    yield* child.stdout;
    const [exitCode] = await closed;
    if (exitCode !== 0) throw new Error(`git pack-objects failed: ${complaints.trim()}`);
  } finally {
    child.kill();
  }
}

const partBytes = 1024 * 1024;

async function* inParts(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let [held, bytes]: [Uint8Array[], number] = [[], 0];
  for await (const chunk of chunks) {
    held.push(chunk);
    bytes += chunk.length;
    if (bytes < partBytes) continue;
    yield Buffer.concat(held);
    [held, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(held);
}

/**
 * Creates the repositories of a backup in a new folder.
 * @returns their number; undefined if the backup was made without them
 * @throws GitMissing if there are some
 */
export async function unpackRepositories(
  backup: DatabaseSync,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<number | undefined> {
  if (!hasTable(backup, 'backup_repositories')) return undefined;
  await makeFolder(folder);
  const rows = backup.prepare('SELECT Name, Refs, Shallow FROM backup_repositories').all();
  for (const { Name, Refs, Shallow } of rows) {
    const [name, refs, shallow] = [String(Name), String(Refs), String(Shallow)];
    if (!isRepositoryName(name)) throw new Error(`the backup has a repository "${name}", which is not a valid name`);
    const path = repositoryFolder(folder, name);
    await initRepository(path, env);
    if (shallow !== '') await createFile(join(path, 'shallow'), shallow);
    if (refs === '') continue;
    const parts = backup.prepare('SELECT Content FROM backup_packs WHERE Name = ? ORDER BY Part');
    await runGit(['-C', path, 'index-pack', '--stdin'], env, { input: contentsOf(parts.iterate(name)) });
    const updates = linesOf(refs, ([object, name]) => `create ${name} ${object}`);
    await runGit(['-C', path, 'update-ref', '--stdin'], env, { input: Readable.from([Buffer.from(updates)]) });
  }
  return rows.length;
}

/** The refs have one line each: an object and a name, which has no spaces. */
function linesOf(refs: string, lineOf: (ref: readonly [object: string, name: string]) => string): string {
  const lines = refs.split('\n').filter((line) => line !== '');
  return lines.map((line) => `${lineOf(line.split(' ') as [string, string])}\n`).join('');
}

async function* contentsOf(rows: Iterable<Record<string, unknown>>): AsyncGenerator<Uint8Array> {
  for (const { Content } of rows) yield Content as Uint8Array;
}

/** Removes the repositories from a restored database, which does not need them. */
export function dropRepositories(database: DatabaseSync): void {
  database.exec('DROP TABLE IF EXISTS backup_packs; DROP TABLE IF EXISTS backup_repositories');
}

function hasTable(database: DatabaseSync, name: string): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined;
}

/**
 * Recognises a write-ahead log that does not belong to its database: a server was killed, and a copy was then put in place
 * of the database by hand. SQLite would apply the log to the copy, which undoes the copy or damages it.
 *
 * Each start writes a new mark into the database and, beside it, into a small file. The mark is checkpointed at once, so the
 * main file has it whatever is in the log.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { UserError } from '../../lib/errors.ts';
import { readTextSync } from '../../lib/read-file.ts';
import { shellQuote } from '../../lib/shell-quote.ts';

const name = 'runMark';
const markFile = (path: string) => `${path}-run`;

/** @throws UserError if the write-ahead log of the database at `path` belongs to another database */
export function requireOwnLog(path: string, dataDir: string): void {
  const size = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const marks = size > 0 ? readMarks(path) : undefined;
  if (marks === undefined) return;
  const mark = markWithoutLog(path);
  if (mark === undefined || marks.includes(mark)) return;
  const aside = shellQuote(`${path}.copy`);
  throw new UserError(`cannot use ${path}: the file was replaced, but ${path}-wal belongs to the one before it`, {
    remedy: `Run: mv ${shellQuote(path)} ${aside} && plan42 server restore ${aside} --data ${shellQuote(dataDir)}`,
  });
}

/** Marks the database as used by this run, and empties its write-ahead log. */
export function markRun(connection: DatabaseSync, path: string): void {
  const before = readMark(connection);
  const mark = randomUUID();
  // A start that is killed in between leaves the database with either mark.
  writeMarks(path, before === undefined ? [mark] : [before, mark]);
  connection.prepare('INSERT OR REPLACE INTO settings VALUES (?, ?)').run(name, mark);
  connection.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  writeMarks(path, [mark]);
}

function readMark(connection: DatabaseSync): string | undefined {
  return connection.prepare('SELECT Value FROM settings WHERE Name = ?').get(name)?.['Value'] as string | undefined;
}

/** Empty for a database without a mark, undefined for one that cannot be read. */
function markWithoutLog(path: string): string | undefined {
  const url = pathToFileURL(path);
  // SQLite then ignores the log.
  url.searchParams.set('immutable', '1');
  try {
    using connection = new DatabaseSync(url, { readOnly: true });
    return readMark(connection) ?? '';
  } catch {
    return undefined;
  }
}

function readMarks(path: string): string[] | undefined {
  try {
    return readTextSync(markFile(path)).trim().split('\n');
  } catch {
    return undefined;
  }
}

function writeMarks(path: string, marks: readonly string[]): void {
  const temporary = `${markFile(path)}.tmp`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, `${marks.join('\n')}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, markFile(path));
}

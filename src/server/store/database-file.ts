/** The files of the database, and what can be said about them before SQLite opens them. */
import { readSync, statSync } from 'node:fs';
import { UserError } from '../../lib/errors.ts';
import { openToReadSync } from '../../lib/read-file.ts';
import { shellQuote } from '../../lib/shell-quote.ts';

export const databaseName = 'plan42.db';

/** In the header of the file (`PRAGMA application_id`). Databases of older versions have 0. */
export const applicationId = { live: 0x50_34_32_44, backup: 0x50_34_32_42 } as const;

export type FileKind = 'missing' | 'empty' | 'live' | 'backup' | 'unmarked' | 'foreign' | 'notADatabase';

const magic = 'SQLite format 3\0';
const applicationIdOffset = 68;

/** Returns what a file is, from its header, without regard to a write-ahead log. */
export function kindOfFile(path: string): FileKind {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return 'missing';
  const header = Buffer.alloc(100);
  using file = openToReadSync(path);
  const length = readSync(file.fd, header, 0, header.length, 0);
  if (length === 0) return 'empty';
  if (length < header.length || header.toString('latin1', 0, magic.length) !== magic) return 'notADatabase';
  const id = header.readUInt32BE(applicationIdOffset);
  if (id === 0) return 'unmarked';
  if (id === applicationId.live) return 'live';
  return id === applicationId.backup ? 'backup' : 'foreign';
}

/** The ways out of a database that cannot be used. */
export function waysOut(dataDir: string): string {
  const folder = shellQuote(dataDir);
  return (
    `Restore a backup: plan42 server restore FILE --data ${folder}. ` +
    `To start without its data, move the folder away: mv ${folder} ${shellQuote(`${dataDir}.old`)}`
  );
}

/** @throws UserError unless the file is one that the server may open */
export function requireOwnFile(path: string, dataDir: string): void {
  const reasons: Partial<Record<FileKind, string>> = {
    empty: 'it is empty',
    notADatabase: 'it is not a SQLite database',
    foreign: 'it is the database of another application',
  };
  const kind = kindOfFile(path);
  if (kind === 'backup') {
    const aside = shellQuote(`${path}.backup`);
    throw new UserError(`cannot use ${path}: it is a backup, which has to be restored`, {
      remedy: `Run: mv ${shellQuote(path)} ${aside} && plan42 server restore ${aside} --data ${shellQuote(dataDir)}`,
    });
  }
  const reason = reasons[kind];
  if (reason !== undefined) throw new UserError(`cannot use ${path}: ${reason}`, { remedy: waysOut(dataDir) });
}

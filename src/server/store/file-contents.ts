import type { File } from '../../plan42/objects.ts';
import type { Database } from './database.ts';

type FileKey = Pick<File, 'TenantID' | 'FileID'>;

const ofFile = 'FROM file_parts WHERE TenantID = ? AND FileID = ?';

/** The contents of files, in parts. A backup has them, because they are in the database. */
export class FileContents {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  addPart({ TenantID, FileID }: FileKey, part: number, content: Uint8Array): void {
    this.#database.statement('INSERT INTO file_parts VALUES (?, ?, ?, ?)').run(TenantID, FileID, part, content);
  }

  remove({ TenantID, FileID }: FileKey): void {
    this.#database.statement(`DELETE ${ofFile}`).run(TenantID, FileID);
  }

  /** Yields the parts of a file, reading each when the previous one is consumed. */
  *parts({ TenantID, FileID }: FileKey): Generator<Uint8Array, void> {
    const read = this.#database.statement(`SELECT Content ${ofFile} AND Part = ?`);
    for (let part = 0; ; part += 1) {
      const row = read.get(TenantID, FileID, part);
      if (!row) return;
      yield row['Content'] as Uint8Array;
    }
  }

  /** Returns the size of all files that have or may get a content. */
  totalBytes(): number {
    const row = this.#database.statement('SELECT COALESCE(SUM(Size), 0) AS Size FROM files WHERE Deleted = 0').get();
    return Number(row?.['Size']);
  }

  /** Returns the number of files that the agents of a task created. */
  countOfTask(TenantID: string, taskId: string): number {
    const sql = 'SELECT COUNT(*) AS Count FROM files WHERE TenantID = ? AND TaskId = ?';
    return Number(this.#database.statement(sql).get(TenantID, taskId)?.['Count']);
  }
}

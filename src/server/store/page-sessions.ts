import type { Database } from './database.ts';

export interface PageSession {
  TenantId: string;
  ExpiresAt: string;
}

/** The sessions of the web page, by the hash of their token. */
export class PageSessions {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  add(tokenHash: string, { TenantId, ExpiresAt }: PageSession): void {
    this.#database.statement('INSERT INTO page_sessions VALUES (?, ?, ?)').run(tokenHash, TenantId, ExpiresAt);
  }

  find(tokenHash: string): PageSession | undefined {
    const sql = 'SELECT TenantId, ExpiresAt FROM page_sessions WHERE TokenHash = ?';
    return this.#database.statement(sql).get(tokenHash) as PageSession | undefined;
  }

  remove(tokenHash: string): void {
    this.#database.statement('DELETE FROM page_sessions WHERE TokenHash = ?').run(tokenHash);
  }

  removeExpired(now: string): void {
    this.#database.statement('DELETE FROM page_sessions WHERE ExpiresAt <= ?').run(now);
  }
}

import type { Database } from './database.ts';

type SettingName = 'signingKey' | 'tenantId' | 'runnerId' | 'tenantToken';

/** The server's own key-value pairs. */
export class Settings {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  get(name: SettingName): string | undefined {
    return this.#database.statement('SELECT Value FROM settings WHERE Name = ?').get(name)?.['Value'] as
      | string
      | undefined;
  }

  set(name: SettingName, value: string): void {
    this.#database.statement('INSERT OR REPLACE INTO settings VALUES (?, ?)').run(name, value);
  }
}

import type { Database } from './database.ts';
import type { SecretKey } from './secret-key.ts';

type SettingName = 'signingKey' | 'tenantId' | 'runnerId' | 'tenantToken' | 'probe' | 'retentionDate';

/** The settings that are credentials. They are encrypted. */
export const secretSettings: readonly string[] = ['signingKey', 'tenantToken'] satisfies SettingName[];

/** The server's own key-value pairs. */
export class Settings {
  readonly #database: Database;
  readonly #key: SecretKey;

  constructor(database: Database, key: SecretKey) {
    this.#database = database;
    this.#key = key;
  }

  get(name: SettingName): string | undefined {
    const value = getSetting(this.#database, name);
    if (value === undefined || !secretSettings.includes(name)) return value;
    return this.#key.decrypt(['setting', name], value);
  }

  set(name: SettingName, value: string): void {
    const stored = secretSettings.includes(name) ? this.#key.encrypt(['setting', name], value) : value;
    setSetting(this.#database, name, stored);
  }
}

/** Returns the stored text, encrypted or not. */
export function getSetting(database: Database, name: string): string | undefined {
  return database.statement('SELECT Value FROM settings WHERE Name = ?').get(name)?.['Value'] as string | undefined;
}

export function setSetting(database: Database, name: string, value: string): void {
  database.statement('INSERT OR REPLACE INTO settings VALUES (?, ?)').run(name, value);
}

export function removeSetting(database: Database, name: string): void {
  database.statement('DELETE FROM settings WHERE Name = ?').run(name);
}

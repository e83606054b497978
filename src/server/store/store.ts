import { randomUUID } from 'node:crypto';
import type { Logger } from '../../lib/logger.ts';
import { type Database, openDatabase } from './database.ts';
import { Expired } from './expired.ts';
import { UsedPublicKeys } from './runner-queues.ts';
import { createTables } from './tables.ts';
import { countTasks } from './tasks.ts';
import { TurnLogs } from './turn-logs.ts';
import { TurnAcceptance } from './turns.ts';

export type Store = ReturnType<typeof storeOf>;

/** Opens the store in a data folder. The caller disposes it. @throws UserError like {@link openDatabase} */
export function openStore(dataDir: string, logger: Logger): Store {
  return storeOf(openDatabase(dataDir, logger));
}

function storeOf(database: Database) {
  const tables = createTables(database);
  const settings = new Settings(database);
  return {
    ...tables,
    settings,
    countTasks: (tenantId: string) => countTasks(database, tenantId),
    turnAcceptance: new TurnAcceptance(database),
    turnLogs: new TurnLogs(database),
    expired: new Expired(database, tables),
    usedPublicKeys: new UsedPublicKeys(database),
    removeExpiredSessions: (now: string) => {
      database.statement('DELETE FROM page_sessions WHERE ExpiresAt <= ?').run(now);
    },
    health: database.health,
    /** Saves something if that failed before. Returns whether it works again. */
    tryToRecover: () => database.health.tryToRecover(() => settings.set('probe', randomUUID())),
    transaction: <T>(work: () => T): T => database.transaction(work),
    [Symbol.dispose]: () => database[Symbol.dispose](),
  };
}

type SettingName = 'signingKey' | 'tenantId' | 'runnerId' | 'tenantToken' | 'probe';

/** The server's own key-value pairs. */
class Settings {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  get(name: SettingName): string | undefined {
    const row = this.#database.statement('SELECT Value FROM settings WHERE Name = ?').get(name);
    return row?.['Value'] as string | undefined;
  }

  set(name: SettingName, value: string): void {
    this.#database.statement('INSERT OR REPLACE INTO settings VALUES (?, ?)').run(name, value);
  }
}

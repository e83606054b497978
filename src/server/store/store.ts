import { randomUUID } from 'node:crypto';
import type { Logger } from '../../lib/logger.ts';
import { AccessKeySecrets } from './access-key-secrets.ts';
import { type Database, explain, openDatabase } from './database.ts';
import { waysOut } from './database-file.ts';
import { EnvironmentSecrets } from './environment-secrets.ts';
import { Expired } from './expired.ts';
import { FileContents } from './file-contents.ts';
import { ProviderUsageSums } from './provider-usage.ts';
import { UsedPublicKeys } from './runner-queues.ts';
import { openSecrets, sealPlainText } from './seal.ts';
import type { SecretKey } from './secret-key.ts';
import { Settings } from './settings.ts';
import { createTables, type Tables } from './tables.ts';
import { taskActivity } from './task-activity.ts';
import { countTasks } from './tasks.ts';
import { TurnEvents } from './turn-events.ts';
import { TurnLogs } from './turn-logs.ts';
import { TurnNetworks } from './turn-networks.ts';
import { activeTurns, isTurnFinished, TurnAcceptance, type TurnKey, touchTurn } from './turns.ts';
import { UsedSignatures } from './used-signatures.ts';
import { WorkstreamTasks } from './workstream-tasks.ts';
import { WriteGroup } from './write-group.ts';

export type Store = ReturnType<typeof storeOf>;

/**
 * Opens the store in a data folder. The caller disposes it.
 * @param discardSecrets removes all secrets if their key is lost
 * @throws UserError like {@link openDatabase} and {@link openSecrets}
 */
export async function openStore(dataDir: string, logger: Logger, { discardSecrets = false } = {}): Promise<Store> {
  const database = openDatabase(dataDir, logger);
  try {
    const tables = createTables(database);
    const key = await openSecrets(database, dataDir, discardSecrets);
    sealPlainText(database, tables, key, logger);
    return storeOf(database, tables, key);
  } catch (error) {
    database[Symbol.dispose]();
    throw explain(error, dataDir, waysOut(dataDir));
  }
}

function storeOf(database: Database, tables: Tables, key: SecretKey) {
  const settings = new Settings(database, key);
  const writeGroup = new WriteGroup(database);
  return {
    ...tables,
    settings,
    accessKeySecrets: new AccessKeySecrets(database, key),
    environmentSecrets: new EnvironmentSecrets(database, key),
    countTasks: (tenantId: string) => countTasks(database, tenantId),
    /** Whether a turn runs, or waits for a runner. */
    hasUnfinishedTurns: () =>
      tables.turns.select(
        `JOIN tasks ON tasks.TenantId = turns.TenantId AND tasks.TaskId = turns.TaskId
         WHERE turns.IsOver = 0 AND (tasks.Deleted = 0 OR turns.AcceptedAt IS NOT NULL) LIMIT 1`,
      ).length > 0,
    taskActivity: (tenantId: string, failedSince: string, max: number) =>
      taskActivity(database, tenantId, failedSince, max),
    activeTurns: (options: Parameters<typeof activeTurns>[1]) => activeTurns(tables.turns, options),
    isTurnFinished: (turn: TurnKey) => isTurnFinished(database, turn),
    touchTurn: (turn: Parameters<typeof touchTurn>[1]) => touchTurn(database, turn),
    turnAcceptance: new TurnAcceptance(database),
    turnLogs: new TurnLogs(database),
    turnEvents: new TurnEvents(database),
    turnNetworks: new TurnNetworks(database),
    fileContents: new FileContents(database),
    workstreamTasks: new WorkstreamTasks(database, tables),
    providerUsageSums: new ProviderUsageSums(database),
    expired: new Expired(database, tables),
    usedPublicKeys: new UsedPublicKeys(database),
    usedSignatures: new UsedSignatures(database),
    removeExpiredSessions: (now: string) => {
      database.statement('DELETE FROM page_sessions WHERE ExpiresAt <= ?').run(now);
    },
    health: database.health,
    /** Saves something if that failed before. Returns whether it works again. */
    tryToRecover: () => database.health.tryToRecover(() => settings.set('probe', randomUUID())),
    transaction: <T>(work: () => T): T => database.transaction(work),
    transactionWithoutSync: <T>(work: () => T): T => database.transactionWithoutSync(work),
    /** For frequent writes: see {@link WriteGroup.write}. */
    groupedWrite: <T>(work: () => T): Promise<T> => writeGroup.write(work),
    [Symbol.dispose]: () => database[Symbol.dispose](),
  };
}

import { type Database, openDatabase } from './database.ts';
import { environmentsTable } from './environments.ts';
import { githubConnectionsTable } from './github-connections.ts';
import { PageSessions } from './page-sessions.ts';
import { runnerQueuesTable, UsedPublicKeys } from './runner-queues.ts';
import { runnersTable, runnerTokensTable } from './runners.ts';
import { Settings } from './settings.ts';
import { countTasks, tasksTable } from './tasks.ts';
import { tenantsTable } from './tenants.ts';
import { TurnLogs } from './turn-logs.ts';
import { TurnAcceptance, turnsTable } from './turns.ts';

export type Store = ReturnType<typeof storeOf>;

/** Opens the store. The caller disposes it. @throws UserError like {@link openDatabase} */
export function openStore(path: string): Store {
  return storeOf(openDatabase(path));
}

function storeOf(database: Database) {
  const turns = turnsTable(database);
  return {
    settings: new Settings(database),
    tenants: tenantsTable(database),
    environments: environmentsTable(database),
    tasks: tasksTable(database),
    countTasks: (tenantId: string) => countTasks(database, tenantId),
    turns,
    turnAcceptance: new TurnAcceptance(database, turns),
    turnLogs: new TurnLogs(database),
    runners: runnersTable(database),
    runnerTokens: runnerTokensTable(database),
    runnerQueues: runnerQueuesTable(database),
    usedPublicKeys: new UsedPublicKeys(database),
    githubConnections: githubConnectionsTable(database),
    pageSessions: new PageSessions(database),
    transaction: <T>(work: () => T): T => database.transaction(work),
    [Symbol.dispose]: () => database[Symbol.dispose](),
  };
}

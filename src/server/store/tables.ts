/** The tables whose rows are objects of the API, with the columns that follow from the objects' fields. */
import * as v from 'valibot';
import {
  accessKeyFields,
  environmentFields,
  githubConnectionFields,
  runnerFields,
  runnerQueueFields,
  runnerTokenFields,
  taskFields,
  tenantFields,
  turnFields,
} from '../../plan42/objects.ts';
import type { Database } from './database.ts';
import { createTable } from './table.ts';

/** A session of the web page, by the hash of its token. Not part of the API. */
const pageSessionFields = { TokenHash: v.string(), TenantId: v.string(), ExpiresAt: v.string() };

export type Tables = ReturnType<typeof createTables>;

export function createTables(database: Database) {
  return {
    tenants: createTable(database, tenantFields, {
      type: 'Tenant',
      name: 'tenants',
      key: ['TenantId'],
      order: ['CreatedAt', 'TenantId'],
      keepsOthers: true,
    }),
    environments: createTable(database, environmentFields, {
      type: 'Environment',
      name: 'environments',
      key: ['TenantId', 'EnvironmentId'],
      order: ['CreatedAt', 'EnvironmentId'],
      keepsOthers: true,
    }),
    tasks: createTable(database, taskFields, {
      type: 'Task',
      name: 'tasks',
      key: ['TenantId', 'TaskId'],
      order: ['CreatedAt', 'TaskId'],
      keepsOthers: true,
    }),
    turns: createTable(database, turnFields, {
      type: 'Turn',
      name: 'turns',
      key: ['TenantId', 'TaskId', 'TurnIndex'],
      order: ['TurnIndex'],
      keepsOthers: true,
    }),
    runners: createTable(database, runnerFields, {
      type: 'Runner',
      name: 'runners',
      key: ['TenantId', 'RunnerId'],
      order: ['CreatedAt', 'RunnerId'],
      keepsOthers: true,
    }),
    runnerTokens: createTable(database, runnerTokenFields, {
      type: 'RunnerToken',
      name: 'runner_tokens',
      key: ['TenantID', 'RunnerID', 'TokenID'],
      order: ['CreatedAt', 'TokenID'],
    }),
    accessKeys: createTable(database, accessKeyFields, {
      type: 'AccessKey',
      name: 'access_keys',
      key: ['AccessKeyID'],
      order: ['CreatedAt', 'AccessKeyID'],
    }),
    runnerQueues: createTable(database, runnerQueueFields, {
      type: 'RunnerQueue',
      name: 'runner_queues',
      key: ['TenantID', 'RunnerID', 'QueueID'],
      order: ['CreatedAt', 'QueueID', 'RunnerID'],
    }),
    githubConnections: createTable(database, githubConnectionFields, {
      type: 'GithubConnection',
      name: 'github_connections',
      key: ['TenantID', 'ConnectionID'],
      order: ['CreatedAt', 'ConnectionID'],
      keepsOthers: true,
    }),
    pageSessions: createTable(database, pageSessionFields, {
      type: 'PageSession',
      name: 'page_sessions',
      key: ['TokenHash'],
      order: ['ExpiresAt', 'TokenHash'],
    }),
  };
}

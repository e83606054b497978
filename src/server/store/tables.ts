/** The tables whose rows are objects of the API, with the columns that follow from the objects' fields. */
import * as v from 'valibot';
import { integer } from '../../plan42/fields.ts';
import {
  accessKeyFields,
  environmentFields,
  fileFields,
  githubConnectionFields,
  runnerFields,
  runnerQueueFields,
  runnerTokenFields,
  taskFields,
  tenantFields,
  turnFields,
  workstreamFields,
} from '../../plan42/objects.ts';
import { providerUsageFields } from '../../plan42/provider-usage.ts';
import { subAgentFields } from '../../plan42/turn-messages.ts';
import type { Database } from './database.ts';
import { createTable } from './table.ts';

/** A session of the web page, by the hash of its token. Not part of the API. */
const pageSessionFields = { TokenHash: v.string(), TenantId: v.string(), ExpiresAt: v.string() };

/** The API has the version of the workstream with it. */
const shortNameFields = { TenantId: v.string(), Name: v.string(), WorkstreamID: v.string(), CreatedAt: v.string() };

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
    workstreams: createTable(database, workstreamFields, {
      type: 'Workstream',
      name: 'workstreams',
      key: ['TenantId', 'WorkstreamId'],
      order: ['CreatedAt', 'WorkstreamId'],
      keepsOthers: true,
    }),
    /** The tasks of workstreams, in their order. The rank is not part of the API. */
    rankedTasks: createTable(
      database,
      { ...taskFields, Rank: integer },
      {
        type: 'Task',
        name: 'tasks',
        key: ['TenantId', 'TaskId'],
        order: ['Rank', 'TaskId'],
        keepsOthers: true,
      },
    ),
    shortNames: createTable(database, shortNameFields, {
      type: 'WorkstreamShortName',
      name: 'workstream_short_names',
      key: ['TenantId', 'Name'],
      order: ['Name'],
    }),
    files: createTable(database, fileFields, {
      type: 'File',
      name: 'files',
      key: ['TenantID', 'FileID'],
      order: ['CreatedAt', 'FileID'],
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
    providerUsage: createTable(database, providerUsageFields, {
      type: 'ProviderUsageEvent',
      name: 'provider_usage',
      key: ['TenantId', 'TaskId', 'TurnIndex', 'Source', 'Iteration'],
      order: ['ResponseCompletedAt', 'TaskId', 'TurnIndex', 'Source', 'Iteration'],
    }),
    subAgents: createTable(database, subAgentFields, {
      type: 'SubAgent',
      name: 'sub_agents',
      key: ['TenantId', 'TaskId', 'TurnIndex', 'AgentID'],
      order: ['CreatedAt', 'AgentID'],
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

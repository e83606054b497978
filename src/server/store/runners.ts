import type { Runner, RunnerTokenMetadata } from '../../plan42/objects.ts';
import { type Columns, flag, integer, omitted, text, versioned } from './columns.ts';
import type { Database } from './database.ts';
import { Table } from './table.ts';

const runnerColumns: Columns<Runner> = {
  TenantId: text,
  RunnerId: text,
  Name: text,
  Description: omitted(text),
  IsCloud: flag,
  RunsTasks: flag,
  ProxiesGithub: flag,
  Deleted: flag,
  ...versioned,
};

export function runnersTable(database: Database) {
  return new Table(database, {
    type: 'Runner',
    name: 'runners',
    columns: runnerColumns,
    key: ['TenantId', 'RunnerId'],
    order: ['CreatedAt', 'RunnerId'],
  });
}

const tokenColumns: Columns<RunnerTokenMetadata> = {
  TenantID: text,
  RunnerID: text,
  TokenID: text,
  SignatureHash: text,
  ExpiresAt: text,
  Revoked: flag,
  RevokedAt: omitted(text),
  CreatedAt: text,
  Version: integer,
};

export function runnerTokensTable(database: Database) {
  return new Table(database, {
    type: 'RunnerToken',
    name: 'runner_tokens',
    columns: tokenColumns,
    key: ['TenantID', 'RunnerID', 'TokenID'],
    order: ['CreatedAt', 'TokenID'],
  });
}

import type { GithubConnection } from '../../plan42/objects.ts';
import { type Columns, flag, integer, omitted, text, versioned } from './columns.ts';
import type { Database } from './database.ts';
import { Table } from './table.ts';

const columns: Columns<GithubConnection> = {
  TenantID: text,
  ConnectionID: text,
  Private: flag,
  RunnerID: omitted(text),
  GithubUserLogin: omitted(text),
  GithubUserID: omitted(integer),
  Name: omitted(text),
  ...versioned,
};

export function githubConnectionsTable(database: Database) {
  return new Table(database, {
    type: 'GithubConnection',
    name: 'github_connections',
    columns,
    key: ['TenantID', 'ConnectionID'],
    order: ['CreatedAt', 'ConnectionID'],
  });
}

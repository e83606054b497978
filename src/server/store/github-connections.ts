import { type Columns, flag, integer, omitted, text, type Versioned, versioned } from './columns.ts';
import type { Database } from './database.ts';
import { Table } from './table.ts';

/** OAuth fields are accepted and not stored, because this server does not use them. */
export interface GithubConnection extends Versioned {
  TenantID: string;
  ConnectionID: string;
  /** Whether a runner of the tenant accesses GitHub for this connection. */
  Private: boolean;
  RunnerID?: string | undefined;
  GithubUserLogin?: string | undefined;
  GithubUserID?: number | undefined;
  Name?: string | undefined;
}

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

import type { Environment } from '../../plan42/objects.ts';
import { type Columns, flag, json, text, versioned } from './columns.ts';
import type { Database } from './database.ts';
import { Table } from './table.ts';

const columns: Columns<Environment> = {
  TenantId: text,
  EnvironmentId: text,
  Name: text,
  Description: text,
  Context: text,
  SetupScript: text,
  DockerImage: text,
  Repos: json(),
  AllowedHosts: json(),
  EnvVars: json(),
  RunnerId: text,
  GithubConnectionId: text,
  Deleted: flag,
  ...versioned,
};

export function environmentsTable(database: Database) {
  return new Table(database, {
    type: 'Environment',
    name: 'environments',
    columns,
    key: ['TenantId', 'EnvironmentId'],
    order: ['CreatedAt', 'EnvironmentId'],
  });
}

import { type Columns, flag, json, text, type Versioned, versioned } from './columns.ts';
import type { Database } from './database.ts';
import { Table } from './table.ts';

export interface EnvVar {
  Name: string;
  Value: string;
  IsSecret: boolean;
}

export interface Environment extends Versioned {
  TenantId: string;
  EnvironmentId: string;
  Name: string;
  Description: string;
  Context: string;
  SetupScript: string;
  /** Empty for the default image. */
  DockerImage: string;
  Repos: string[];
  AllowedHosts: string[];
  EnvVars: EnvVar[];
  /** An ID, or `default` for the tenant's default. */
  RunnerId: string;
  GithubConnectionId: string;
  Deleted: boolean;
}

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

import { type Columns, flag, omitted, text, type Versioned, versioned } from './columns.ts';
import type { Database } from './database.ts';
import { Table } from './table.ts';

export interface Tenant extends Versioned {
  TenantId: string;
  Type: 'User' | 'Organization' | 'Enterprise';
  FullName?: string | undefined;
  Email?: string | undefined;
  FirstName?: string | undefined;
  LastName?: string | undefined;
  OrgName?: string | undefined;
  EnterpriseName?: string | undefined;
  PictureUrl?: string | undefined;
  DefaultRunnerID?: string | undefined;
  DefaultGithubConnectionID?: string | undefined;
  Deleted: boolean;
}

const columns: Columns<Tenant> = {
  TenantId: text,
  Type: { toSql: text.toSql, fromSql: (value) => value as Tenant['Type'] },
  FullName: omitted(text),
  Email: omitted(text),
  FirstName: omitted(text),
  LastName: omitted(text),
  OrgName: omitted(text),
  EnterpriseName: omitted(text),
  PictureUrl: omitted(text),
  DefaultRunnerID: omitted(text),
  DefaultGithubConnectionID: omitted(text),
  Deleted: flag,
  ...versioned,
};

export function tenantsTable(database: Database) {
  return new Table(database, {
    type: 'Tenant',
    name: 'tenants',
    columns,
    key: ['TenantId'],
    order: ['CreatedAt', 'TenantId'],
  });
}

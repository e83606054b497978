import type { Tenant } from '../../plan42/objects.ts';
import { type Columns, flag, omitted, text, versioned } from './columns.ts';
import type { Database } from './database.ts';
import { Table } from './table.ts';

const columns: Columns<Tenant> = {
  TenantId: text,
  Type: text,
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

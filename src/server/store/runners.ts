import { type Columns, flag, integer, omitted, text, type Versioned, versioned } from './columns.ts';
import type { Database } from './database.ts';
import { Table } from './table.ts';

export interface Runner extends Versioned {
  TenantId: string;
  RunnerId: string;
  Name: string;
  Description?: string | undefined;
  IsCloud: boolean;
  RunsTasks: boolean;
  ProxiesGithub: boolean;
  Deleted: boolean;
}

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

/** A runner token without the token itself, which is returned once and not stored. */
export interface RunnerTokenMetadata {
  TenantID: string;
  RunnerID: string;
  TokenID: string;
  /** Base64 of the SHA-256 of the token's signature part. */
  SignatureHash: string;
  ExpiresAt: string;
  Revoked: boolean;
  RevokedAt?: string | undefined;
  CreatedAt: string;
  Version: number;
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

import * as v from 'valibot';
import { integer, type ObjectOf } from '../fields.ts';
import { versionFields } from './versioned.ts';

/** The server accepts OAuth fields too and does not store them, because it does not use them. */
export const githubConnectionFields = {
  TenantID: v.string(),
  ConnectionID: v.string(),
  /** Whether a runner of the tenant accesses GitHub for this connection. */
  Private: v.boolean(),
  RunnerID: v.optional(v.string()),
  GithubUserLogin: v.optional(v.string()),
  GithubUserID: v.optional(integer),
  Name: v.optional(v.string()),
  ...versionFields,
};
export type GithubConnection = ObjectOf<typeof githubConnectionFields>;

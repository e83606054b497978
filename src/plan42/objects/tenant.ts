import * as v from 'valibot';
import type { ObjectOf } from '../fields.ts';
import { versionFields } from './versioned.ts';

export const tenantFields = {
  TenantId: v.string(),
  /** `User`, `Organization` or `Enterprise`. */
  Type: v.string(),
  FullName: v.optional(v.string()),
  Email: v.optional(v.string()),
  FirstName: v.optional(v.string()),
  LastName: v.optional(v.string()),
  OrgName: v.optional(v.string()),
  EnterpriseName: v.optional(v.string()),
  PictureUrl: v.optional(v.string()),
  DefaultRunnerID: v.optional(v.string()),
  DefaultGithubConnectionID: v.optional(v.string()),
  Deleted: v.boolean(),
  ...versionFields,
};
export type Tenant = ObjectOf<typeof tenantFields>;

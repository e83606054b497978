import * as v from 'valibot';
import { integer, type ObjectOf } from '../fields.ts';
import { versionFields } from './versioned.ts';

export const turnFields = {
  TenantId: v.string(),
  WorkstreamId: v.optional(v.string()),
  TaskId: v.string(),
  /** Starts at 1. */
  TurnIndex: integer,
  Prompt: v.string(),
  PreviousResponseID: v.optional(v.string()),
  /** By `org/repo`. */
  CommitInfo: v.nullable(
    v.record(
      v.string(),
      v.object({ BaselineCommitHash: v.nullable(v.string()), LastCommitHash: v.nullable(v.string()) }),
    ),
  ),
  Status: v.string(),
  OutputMessage: v.optional(v.string()),
  ErrorMessage: v.optional(v.string()),
  CompletedAt: v.optional(v.string()),
  ...versionFields,
};
export type Turn = ObjectOf<typeof turnFields>;

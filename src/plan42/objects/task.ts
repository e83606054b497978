import * as v from 'valibot';
import { integer, type ObjectOf } from '../fields.ts';
import { versionFields } from './versioned.ts';

export type TaskState = 'Pending' | 'Executing' | 'Awaiting Code Review' | 'Completed' | 'Failed';

export const repoInfoFields = {
  FeatureBranch: v.string(),
  TargetBranch: v.string(),
  PRLink: v.optional(v.string()),
  PRID: v.optional(v.string()),
  PRNumber: v.optional(integer),
  PRStatus: v.optional(v.string()),
  PRStatusUpdatedAt: v.optional(v.string()),
};

/** The state of a task's work on one repository. The server keeps unknown fields. */
export type RepoInfo = ObjectOf<typeof repoInfoFields>;

export const taskFields = {
  TenantId: v.string(),
  TaskId: v.string(),
  Title: v.string(),
  Prompt: v.string(),
  WorkstreamId: v.optional(v.string()),
  /** The number in the workstream. */
  TaskNumber: v.optional(integer),
  EnvironmentId: v.nullable(v.string()),
  Model: v.nullable(v.string()),
  Parallel: v.boolean(),
  AssignedToAI: v.boolean(),
  AssignedToTenantId: v.optional(v.string()),
  /** By `org/repo`. */
  RepoInfo: v.record(v.string(), v.object(repoInfoFields)),
  /** A {@link TaskState}; other servers may have more. */
  State: v.string(),
  LastTurnStatus: v.optional(v.string()),
  LastTurnIndex: v.optional(integer),
  Deleted: v.boolean(),
  ...versionFields,
};
export type Task = ObjectOf<typeof taskFields>;

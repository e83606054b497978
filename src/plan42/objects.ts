/** The objects of the Plan42 API. Fields that a runner can do without may be absent or null. */
import * as v from 'valibot';
import { WrappedSecret } from './ecies.ts';
import { knownFields } from './fields.ts';

const text = v.nullish(v.string());
const count = v.nullish(v.pipe(v.number(), v.integer()));
const flag = v.nullish(v.boolean());
const version = v.pipe(v.number(), v.integer());

const commonFields = { CreatedAt: text, UpdatedAt: text, Version: version };

export const RunnerQueue = knownFields({
  TenantID: text,
  RunnerID: text,
  QueueID: text,
  PublicKey: text,
  ...commonFields,
  IsHealthy: flag,
  Draining: flag,
  NConsecutiveFailedHealthChecks: count,
  NConsecutiveSuccessfulHealthChecks: count,
  LastHealthCheckAt: text,
});
export type RunnerQueue = v.InferOutput<typeof RunnerQueue>;

export const RunnerMessage = knownFields({
  MessageID: v.pipe(v.string(), v.nonEmpty()),
  CallerID: v.string(),
  CallerPublicKey: v.string(),
  CreatedAt: text,
  Payload: WrappedSecret,
});
export type RunnerMessage = v.InferOutput<typeof RunnerMessage>;

export const RepoInfo = knownFields({
  PRLink: text,
  PRID: text,
  PRNumber: count,
  PRStatus: text,
  PRStatusUpdatedAt: text,
  FeatureBranch: text,
  TargetBranch: text,
});
export type RepoInfo = v.InferOutput<typeof RepoInfo>;

export const Task = knownFields({
  TenantId: text,
  WorkstreamId: text,
  TaskId: text,
  Title: text,
  EnvironmentId: text,
  Prompt: text,
  Model: text,
  RepoInfo: v.nullish(v.record(v.string(), RepoInfo)),
  State: text,
  LastTurnStatus: text,
  LastTurnIndex: count,
});
export type Task = v.InferOutput<typeof Task>;

export const Turn = knownFields({
  TenantId: text,
  WorkstreamId: text,
  TaskId: text,
  TurnIndex: v.nullish(v.number()),
  Prompt: text,
  PreviousResponseID: text,
  CommitInfo: v.nullish(v.unknown()),
  Status: text,
  OutputMessage: text,
  ErrorMessage: text,
  CompletedAt: text,
  ...commonFields,
});
export type Turn = v.InferOutput<typeof Turn>;

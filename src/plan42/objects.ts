/** The objects of the API, for runner, server and page: one definition of each. */
import * as v from 'valibot';
import { integer, knownFields, type ObjectOf } from './fields.ts';

/** The fields of every versioned object. */
export const versionFields = { CreatedAt: v.string(), UpdatedAt: v.string(), Version: integer };
export type Versioned = ObjectOf<typeof versionFields>;

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

/** `IsSecret` is always present in what the server stores. */
export const EnvVar = knownFields({ Name: v.string(), Value: v.string(), IsSecret: v.nullish(v.boolean()) });
export type EnvVar = v.InferOutput<typeof EnvVar>;

export const environmentFields = {
  TenantId: v.string(),
  EnvironmentId: v.string(),
  Name: v.string(),
  Description: v.string(),
  Context: v.string(),
  SetupScript: v.string(),
  /** Empty for the default image. */
  DockerImage: v.string(),
  Repos: v.array(v.string()),
  AllowedHosts: v.array(v.string()),
  EnvVars: v.array(EnvVar),
  /** An ID, or `default` for the tenant's default. */
  RunnerId: v.string(),
  GithubConnectionId: v.string(),
  /** Of this server only: removed with its last task. */
  Ephemeral: v.optional(v.boolean()),
  Deleted: v.boolean(),
  ...versionFields,
};
export type Environment = ObjectOf<typeof environmentFields>;

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

export const runnerFields = {
  TenantId: v.string(),
  RunnerId: v.string(),
  Name: v.string(),
  Description: v.optional(v.string()),
  IsCloud: v.boolean(),
  RunsTasks: v.boolean(),
  ProxiesGithub: v.boolean(),
  Deleted: v.boolean(),
  ...versionFields,
};
export type Runner = ObjectOf<typeof runnerFields>;

/** A runner token without the token itself, which is returned once and not stored. */
export const runnerTokenFields = {
  TenantID: v.string(),
  RunnerID: v.string(),
  TokenID: v.string(),
  /** Base64 of the SHA-256 of the token's signature part. */
  SignatureHash: v.string(),
  ExpiresAt: v.string(),
  Revoked: v.boolean(),
  RevokedAt: v.optional(v.string()),
  CreatedAt: v.string(),
  Version: integer,
};
export type RunnerTokenMetadata = ObjectOf<typeof runnerTokenFields>;

/** A key pair of this server for clients that sign requests. Its secret is returned once. */
export const accessKeyFields = {
  TenantID: v.string(),
  AccessKeyID: v.string(),
  Name: v.string(),
  Revoked: v.boolean(),
  RevokedAt: v.optional(v.string()),
  /** To the minute. */
  LastUsedAt: v.optional(v.string()),
  CreatedAt: v.string(),
};
export type AccessKey = ObjectOf<typeof accessKeyFields>;

export const runnerQueueFields = {
  TenantID: v.string(),
  RunnerID: v.string(),
  QueueID: v.string(),
  /** SPKI PEM. */
  PublicKey: v.string(),
  /** Whether the queue gets work. A draining queue is never healthy. */
  IsHealthy: v.boolean(),
  Draining: v.boolean(),
  NConsecutiveFailedHealthChecks: integer,
  NConsecutiveSuccessfulHealthChecks: integer,
  LastHealthCheckAt: v.string(),
  ...versionFields,
};
export type RunnerQueue = ObjectOf<typeof runnerQueueFields>;

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

/** A file for agents. Clients create it, and then upload its content. */
export const fileFields = {
  TenantID: v.string(),
  FileID: v.string(),
  Name: v.string(),
  /** In bytes. */
  Size: integer,
  /** Whether the content is there. Only our server tells. */
  Uploaded: v.boolean(),
  IsMalicious: v.optional(v.boolean()),
  /** Deleted files have no content. */
  Deleted: v.boolean(),
  /** The task whose agent created the file. Only our server knows it. */
  TaskId: v.optional(v.string()),
  ...versionFields,
};
export type File = ObjectOf<typeof fileFields>;

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
  /** `Low`, `Medium` or `High`. */
  ReasoningLevel: v.optional(v.string()),
  /** The files of the task, and those that were added after its first turn. */
  FileIDs: v.optional(v.array(v.string())),
  NewFileIDs: v.optional(v.array(v.string())),
  Parallel: v.boolean(),
  AssignedToAI: v.boolean(),
  AssignedToTenantId: v.optional(v.string()),
  /** By `org/repo`. */
  RepoInfo: v.record(v.string(), v.object(repoInfoFields)),
  /** A {@link TaskState}; other servers may have more. */
  State: v.string(),
  LastTurnStatus: v.optional(v.string()),
  LastTurnIndex: v.optional(integer),
  /** The machine of the last turn. */
  LastTurnMachine: v.optional(v.string()),
  /** Who ended the last turn, as in a turn. */
  LastTurnEndedBy: v.optional(v.string()),
  Deleted: v.boolean(),
  ...versionFields,
};
export type Task = ObjectOf<typeof taskFields>;

export const taskStates: readonly TaskState[] = ['Pending', 'Executing', 'Awaiting Code Review', 'Completed', 'Failed'];

export const workstreamFields = {
  WorkstreamId: v.string(),
  TenantId: v.string(),
  Name: v.string(),
  Description: v.string(),
  /** Empty without one. */
  DefaultShortName: v.string(),
  /** The number of its latest task. */
  TaskCounter: integer,
  /** Tasks of a paused workstream do not start. */
  Paused: v.boolean(),
  Deleted: v.boolean(),
  ...versionFields,
};
export type Workstream = ObjectOf<typeof workstreamFields>;

export const turnFields = {
  TenantId: v.string(),
  WorkstreamId: v.optional(v.string()),
  TaskId: v.string(),
  /** Starts at 1. */
  TurnIndex: integer,
  Prompt: v.string(),
  /** In place of that of the task. */
  ReasoningLevel: v.optional(v.string()),
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
  /** Who set the final status, a {@link TurnEnder}. Only our server knows it. */
  EndedBy: v.optional(v.string()),
  /** The host name of the machine whose runner got the turn, and the instance ID of that runner. Only our server knows them. */
  Machine: v.optional(v.string()),
  InstanceId: v.optional(v.string()),
  /** The image of the environment when the turn was sent. Only our server knows it. */
  Image: v.optional(v.string()),
  ...versionFields,
};
/** `Agent` includes the runner, which reports for an agent that exited. */
export type TurnEnder = 'Agent' | 'User' | 'Server';
export type Turn = ObjectOf<typeof turnFields>;

/** The objects of the Plan42 API as a person's commands see them: what they work with has to be there. */
import * as v from 'valibot';
import { knownFields } from './fields.ts';
import { RepoInfo } from './objects.ts';

const text = v.nullish(v.string());
const flag = v.nullish(v.boolean());
const integer = v.pipe(v.number(), v.integer());
const count = v.nullish(integer);
const strings = v.nullish(v.array(v.string()));

export const Tenant = knownFields({ TenantId: v.string(), DefaultRunnerID: text });
export type Tenant = v.InferOutput<typeof Tenant>;

export const Runner = knownFields({ RunnerId: v.string(), Name: v.string() });
export type Runner = v.InferOutput<typeof Runner>;

export const RunnerTokenMetadata = knownFields({
  RunnerID: v.string(),
  TokenID: v.string(),
  ExpiresAt: v.string(),
  Revoked: flag,
  RevokedAt: text,
  CreatedAt: text,
  Version: integer,
});
export type RunnerTokenMetadata = v.InferOutput<typeof RunnerTokenMetadata>;

/** Only the call that makes a token shows the token itself. */
export const NewRunnerToken = knownFields({
  RunnerID: v.string(),
  TokenID: v.string(),
  ExpiresAt: v.string(),
  Token: v.string(),
});
export type NewRunnerToken = v.InferOutput<typeof NewRunnerToken>;

/** Only servers with a web page of their own make it. */
export const SignInLink = knownFields({ Url: v.string(), ExpiresAt: v.string() });
export type SignInLink = v.InferOutput<typeof SignInLink>;

export const EnvVar = knownFields({ Name: v.string(), Value: v.string(), IsSecret: flag });
export type EnvVar = v.InferOutput<typeof EnvVar>;

export const Environment = knownFields({
  EnvironmentId: v.string(),
  Name: text,
  Context: text,
  SetupScript: text,
  DockerImage: text,
  Repos: strings,
  AllowedHosts: strings,
  EnvVars: v.nullish(v.array(EnvVar)),
  RunnerId: text,
});
export type Environment = v.InferOutput<typeof Environment>;

export const AdminTask = knownFields({
  TaskId: v.string(),
  Title: v.string(),
  Prompt: text,
  EnvironmentId: text,
  RepoInfo: v.nullish(v.record(v.string(), RepoInfo)),
  State: text,
  LastTurnStatus: text,
  LastTurnIndex: count,
  CreatedAt: v.string(),
  Version: integer,
});
export type AdminTask = v.InferOutput<typeof AdminTask>;

export const AdminTurn = knownFields({
  TaskId: v.string(),
  TurnIndex: integer,
  Prompt: text,
  Status: v.string(),
  OutputMessage: text,
  ErrorMessage: text,
  CreatedAt: v.string(),
  CompletedAt: text,
  Version: integer,
});
export type AdminTurn = v.InferOutput<typeof AdminTurn>;

import * as v from 'valibot';
import { knownFields, type ObjectOf } from '../fields.ts';
import { versionFields } from './versioned.ts';

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
  Deleted: v.boolean(),
  ...versionFields,
};
export type Environment = ObjectOf<typeof environmentFields>;

import * as v from 'valibot';
import { integer, type ObjectOf } from '../fields.ts';
import { versionFields } from './versioned.ts';

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

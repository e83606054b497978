import * as v from 'valibot';
import { runtimeNames } from '../config/schema.ts';

/**
 * accepted: the caller has been told that the job will run; nothing is started.
 * started: its process is the runtime's. Written after the fact: what counts is the runtime's own mark.
 * ended: the process is over and what remains is to tell the server.
 */
export const phases = ['accepted', 'started', 'ended'] as const;

/** What is known of a job, on disk from before its acceptance is answered. Holds no secret. */
export const JobRecord = v.object({
  recordVersion: v.literal(1),
  jobId: v.string(),
  instanceId: v.string(),
  tenantId: v.string(),
  taskId: v.string(),
  turnIndex: v.number(),
  title: v.string(),
  image: v.string(),
  runtime: v.picklist(runtimeNames),
  phase: v.picklist(phases),
  acceptedAt: v.string(),
  /** Its number in the order of arrival, also over restarts. */
  arrival: v.optional(v.number()),
  startedAt: v.optional(v.string()),
  endedAt: v.optional(v.string()),
  exitCode: v.optional(v.number()),
  /** A person asked for its end. */
  killed: v.optional(v.boolean()),
  /** Of an ended job: the turn's error message if the agent has not finished the turn. */
  failure: v.optional(v.string()),
});
export type JobRecord = v.InferOutput<typeof JobRecord>;

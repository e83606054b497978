import * as v from 'valibot';
import { runtimeNames } from '../config/schema.ts';
import { UsageTotals } from '../gateway/models/usage.ts';
import { JobLimits } from '../limits/limits.ts';

/**
 * accepted: the server knows that the job will run; nothing is started.
 * started: its process belongs to the runtime. Written after the start, so the runtime's own state takes precedence.
 * ended: the process has exited; the final status is not reported yet.
 */
export const phases = ['accepted', 'started', 'ended'] as const;

/** A job as it is on disk, written before the response that accepts it. Contains no secrets. */
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
  /** The git mirrors that it uses: the folder of its connection. */
  mirrors: v.optional(v.string()),
  /** Its limits: milliseconds and bytes. Absent if it has none, or was started by an older version. */
  limits: v.optional(JobLimits),
  /** Whether the server takes what its models use. Set at the start. */
  reportsUsage: v.optional(v.boolean()),
  /** The tokens of its models. Set once the job is finished, if anything was counted. */
  usage: v.optional(UsageTotals),
  /** How its network is limited, with sentences about that. Set at the start. */
  network: v.optional(v.object({ mode: v.picklist(['none', 'enforce', 'observe']), notes: v.array(v.string()) })),
  /** Whether other replicas of the runner can adopt it. */
  shared: v.optional(v.boolean()),
  /** Its rank in the order of arrival, across restarts. */
  arrival: v.optional(v.number()),
  startedAt: v.optional(v.string()),
  endedAt: v.optional(v.string()),
  exitCode: v.optional(v.number()),
  /** Set once ended: why, as an `EndCode`, and for people. */
  endCode: v.optional(v.string()),
  endText: v.optional(v.string()),
  /** A user requested a kill. */
  killed: v.optional(v.boolean()),
  /** Set once ended: the turn's error message if the agent did not finish the turn. */
  failure: v.optional(v.string()),
});
export type JobRecord = v.InferOutput<typeof JobRecord>;

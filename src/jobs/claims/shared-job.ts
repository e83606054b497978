/** A job as replicas save it for each other, so that one with an empty disk can continue it. */
import * as v from 'valibot';
import { parseJson } from '../../lib/json.ts';
import { JobRecord } from '../record.ts';
import type { JobSecrets } from '../store.ts';

export const SharedJob = v.object({
  version: v.literal(1),
  record: JobRecord,
  agentToken: v.string(),
  /** Until the agent has it. Absent if it is too large. */
  request: v.optional(v.string()),
  /** Size of a request that is too large. */
  omittedBytes: v.optional(v.number()),
  killed: v.optional(v.boolean()),
  /** The state that the runtime has saved. */
  state: v.optional(v.string()),
});
export type SharedJob = v.InferOutput<typeof SharedJob>;

/** @param fits whether a replica can save this text */
export function newSharedJob(
  record: JobRecord,
  { agentToken, request }: JobSecrets,
  fits: (text: string) => boolean,
): SharedJob {
  const whole: SharedJob = { version: 1, record, agentToken, request };
  if (fits(JSON.stringify(whole))) return whole;
  return { version: 1, record, agentToken, omittedBytes: Buffer.byteLength(request) };
}

/** @throws Error if it is not of this version */
export function parseSharedJob(text: string): SharedJob {
  return v.parse(SharedJob, parseJson(text));
}

/** What the running runner and the commands that ask it say to each other, as JSON. */
import * as v from 'valibot';

const time = v.pipe(v.string(), v.isoTimestamp());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** From 0 to 1; null when there was no poll to measure. */
const utilisation = v.nullable(v.number());

const Trouble = v.object({ kind: v.picklist(['unreachable', 'refused', 'disk']), message: v.string(), since: time });

const Queue = v.object({
  queueId: v.string(),
  phase: v.picklist(['registering', 'polling', 'draining', 'gone']),
  utilisation,
  /** Messages that are being answered. */
  inFlight: count,
});

export const RunnerStatus = v.object({
  version: v.string(),
  pid: count,
  startedAt: time,
  configFile: v.string(),
  stateDir: v.string(),
  url: v.string(),
  runtime: v.string(),
  tenantId: v.string(),
  runnerId: v.string(),
  instanceId: v.string(),
  phase: v.picklist(['starting', 'ready', 'degraded', 'draining']),
  /** Why it is degraded. */
  troubles: v.array(Trouble),
  queues: v.array(Queue),
  /** Of all queues, as the scaler sees it. */
  utilisation,
  jobs: v.object({
    running: count,
    /** Their image is being pulled, or they are being started. */
    starting: count,
    /** For a slot. */
    waiting: count,
    /** The agent has ended, and the server is still to be told. */
    ending: count,
    max: count,
  }),
  lastError: v.nullable(v.object({ time, message: v.string() })),
});
export type RunnerStatus = v.InferOutput<typeof RunnerStatus>;

/** `unknown`: the runner looks after no such job. */
export const KillResult = v.picklist(['killed', 'unknown']);
export type KillResult = v.InferOutput<typeof KillResult>;

/** What kept the runner from taking the configuration over; null when all is well. */
export const ReloadResult = v.nullable(v.string());
export type ReloadResult = v.InferOutput<typeof ReloadResult>;

/** What the runner does when it is asked. */
export interface ControlCalls {
  status(): RunnerStatus;
  /** Resolves when the job has ended. */
  kill(jobId: string): Promise<KillResult>;
  reload(): Promise<ReloadResult>;
}

/** Every answer is one of the two; white space may come before it, as a sign that it is being worked on. */
export const Answer = v.union([v.object({ error: v.string() }), v.object({ result: v.unknown() })]);
export type Answer = v.InferOutput<typeof Answer>;

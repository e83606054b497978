/** The JSON messages between the running runner and the commands. */
import * as v from 'valibot';

const time = v.pipe(v.string(), v.isoTimestamp());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** From 0 to 1; null without polls. */
const utilisation = v.nullable(v.number());

const Trouble = v.object({
  kind: v.picklist(['unreachable', 'refused', 'disk', 'runtime']),
  message: v.string(),
  since: time,
});

const Queue = v.object({
  queueId: v.string(),
  phase: v.picklist(['registering', 'polling', 'draining', 'gone']),
  utilisation,
  /** Messages being processed. */
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
  /** Absent from older runners. */
  token: v.optional(v.object({ expiresAt: v.nullable(time), state: v.picklist(['valid', 'ending', 'expired']) })),
  phase: v.picklist(['starting', 'ready', 'degraded', 'draining']),
  /** Why it is degraded. */
  troubles: v.array(Trouble),
  queues: v.array(Queue),
  /** Of all queues, as the scaler sees it. */
  utilisation,
  jobs: v.object({
    running: count,
    /** Pulling their image or starting. */
    starting: count,
    /** Waiting for a slot. */
    waiting: count,
    /** The agent has exited, but the final status is not reported yet. */
    ending: count,
    max: count,
  }),
  /** Limits of its jobs by name, in milliseconds and bytes. Absent from older runners. */
  limits: v.optional(v.record(v.string(), v.optional(v.number()))),
  /** The latest list of GitHub that is still incomplete. Absent from older runners. */
  githubIncomplete: v.optional(v.nullable(v.object({ time, reason: v.string() }))),
  /** The feeds of GitHub that it reads; null if events.enabled is false. Absent from older runners. */
  githubEvents: v.optional(
    v.nullable(
      v.object({
        feeds: v.array(
          v.object({
            connectionId: v.string(),
            org: v.string(),
            /** Null before the first one. */
            lastPoll: v.nullable(time),
            /** Why the last poll failed. */
            error: v.nullable(v.string()),
          }),
        ),
        /** Events that wait to be handled. */
        pending: count,
      }),
    ),
  ),
  lastError: v.nullable(v.object({ time, message: v.string() })),
  /** The job that finished last, since the start. Absent from older runners. */
  lastEnd: v.optional(v.nullable(v.object({ time, jobId: v.string(), code: v.string(), reason: v.string() }))),
});
export type RunnerStatus = v.InferOutput<typeof RunnerStatus>;

/** `unknown`: the runner does not manage such a job. */
export const KillResult = v.picklist(['killed', 'unknown']);
export type KillResult = v.InferOutput<typeof KillResult>;

/** Why the runner rejected the configuration; null if it did not. */
export const ReloadResult = v.nullable(v.string());
export type ReloadResult = v.InferOutput<typeof ReloadResult>;

/** The runner's implementation of the calls. */
export interface ControlCalls {
  status(): RunnerStatus;
  /** Resolves when the job has finished. */
  kill(jobId: string): Promise<KillResult>;
  reload(): Promise<ReloadResult>;
}

/** White space may precede the response, as a keep-alive during long work. */
export const ControlResponse = v.union([v.object({ error: v.string() }), v.object({ result: v.unknown() })]);
export type ControlResponse = v.InferOutput<typeof ControlResponse>;

import type { BackoffLimits } from '../../lib/backoff.ts';

/** Every waiting time of the server, so that tests can shorten them. */
export interface Timing {
  healthCheckIntervalMs: number;
  healthCheckTimeoutMs: number;
  /** Failed pings in a row until a queue gets no more work. */
  failuresUntilUnhealthy: number;
  /** Failed pings in a row until a queue is deleted. */
  failuresUntilDeleted: number;
  maxPollWaitMs: number;
  /** How long a caller waits for a runner's answer to anything but a ping. */
  runnerAnswerTimeoutMs: number;
  /** How many times a turn is handed to a runner that never answers. */
  maxInvocationAttempts: number;
  invocationRetry: BackoffLimits;
  /** An accepted turn that was not updated for so long is failed. */
  turnExpiryMs: number;
  turnExpiryCheckMs: number;
  logStreamKeepAliveMs: number;
  /** How long a step of the queues' history is. */
  historyStepMs: number;
  /** How long requests may take to finish once the server is closing. */
  closeGraceMs: number;
}

export const defaultTiming: Timing = {
  healthCheckIntervalMs: 30_000,
  healthCheckTimeoutMs: 5_000,
  failuresUntilUnhealthy: 2,
  failuresUntilDeleted: 10,
  maxPollWaitMs: 120_000,
  runnerAnswerTimeoutMs: 30_000,
  maxInvocationAttempts: 4,
  invocationRetry: { minMs: 1_000, maxMs: 15_000 },
  turnExpiryMs: 5 * 60_000,
  turnExpiryCheckMs: 10_000,
  logStreamKeepAliveMs: 15_000,
  historyStepMs: 10_000,
  closeGraceMs: 1_000,
};

import type { BackoffLimits } from '../../lib/backoff.ts';

/** All timeouts and intervals of the server, so that tests can shorten them. */
export interface Timing {
  healthCheckIntervalMs: number;
  healthCheckTimeoutMs: number;
  /** Consecutive failed pings until a queue is unhealthy. */
  failuresUntilUnhealthy: number;
  /** Consecutive failed pings until a queue is deleted. */
  failuresUntilDeleted: number;
  maxPollWaitMs: number;
  /** The timeout of requests to runners, except pings. */
  runnerResponseTimeoutMs: number;
  /** How often a turn is delivered to a runner that does not respond. */
  maxInvocationAttempts: number;
  invocationRetry: BackoffLimits;
  /** How often it is checked whether waiting turns can be sent, apart from the events that allow it. */
  turnScanMs: number;
  /** An accepted turn without updates for this long is failed. */
  turnExpiryMs: number;
  turnExpiryCheckMs: number;
  retentionIntervalMs: number;
  logStreamKeepAliveMs: number;
  /** How often tokens are checked for their end. */
  tokenCheckMs: number;
  /** The length of a step of the queue history. */
  historyStepMs: number;
  /** How often a server that could not save data tries again. */
  storageRetryMs: number;
  /** How long requests may take to finish after the server started to close. */
  closeGraceMs: number;
}

export const defaultTiming: Timing = {
  healthCheckIntervalMs: 30_000,
  healthCheckTimeoutMs: 5_000,
  failuresUntilUnhealthy: 2,
  failuresUntilDeleted: 10,
  maxPollWaitMs: 120_000,
  runnerResponseTimeoutMs: 30_000,
  maxInvocationAttempts: 4,
  invocationRetry: { minMs: 1_000, maxMs: 15_000 },
  turnScanMs: 5_000,
  turnExpiryMs: 5 * 60_000,
  turnExpiryCheckMs: 10_000,
  retentionIntervalMs: 3_600_000,
  logStreamKeepAliveMs: 15_000,
  tokenCheckMs: 60_000,
  historyStepMs: 10_000,
  storageRetryMs: 5_000,
  closeGraceMs: 1_000,
};

/** The state of the follower of one log, shared by what reads and what writes. */
import type { Logger } from '../../../lib/logger.ts';
import type { JobPaths, SegmentWriter } from '../../../shim/shim.ts';
import type { KubeApi } from '../api/kube-api.ts';
import type { CheckpointFile } from './checkpoint.ts';
import type { OwnLines } from './own-lines.ts';

/** Durations in milliseconds. */
export interface LogTiming {
  tickMs: number;
  /** A silent connection is compared with a short request after this time, then after twice of it, and so on. */
  firstProbeMs: number;
  maxProbeMs: number;
  /** How long a stream may be silent after the container has exited, or if it should only return what there is. */
  lingerMs: number;
  /** How long nothing must arrive after the container has exited, until the log counts as whole. */
  settleMs: number;
  /** How long the rest of a log is requested after its container has exited: its node can be gone. */
  giveUpMs: number;
  /** The same if the cluster knows that the node is gone. */
  giveUpLostMs: number;
  /** The same while the API server cannot be reached. */
  giveUpUnreachableMs: number;
  backoff: { minMs: number; maxMs: number };
}

export interface FollowLogOptions {
  api: KubeApi;
  job: JobPaths;
  podName: string;
  container?: string;
  maxLogBytes: number;
  /** Aborted when the agent's container has exited. */
  exited: AbortSignal;
  /** Whether the container was started, as far as it is known when it has exited. */
  hasRun?: () => boolean;
  /** Whether the node of the container is gone, as far as it is known when it has exited. */
  isNodeLost?: () => boolean;
  logger: Logger;
  signal: AbortSignal | undefined;
  /** For tests. */
  timing?: Partial<LogTiming>;
}

export interface Follower {
  options: FollowLogOptions & { signal: AbortSignal };
  timing: LogTiming;
  log: SegmentWriter;
  checkpoint: CheckpointFile;
  ownLines: OwnLines;
  /** Time of the newest output in the log, if this run has read it. */
  lastTime: string;
  /** When the lines of other processes were last looked for. */
  linesAt: number;
  /** Whether the runner's log has why the node cannot follow the log. */
  isWarned: boolean;
}

export function isNodeLost({ options }: Follower): boolean {
  return options.exited.aborted && options.isNodeLost?.() === true;
}

/** Types of the pods that `doctor` starts in a cluster. */

import type { EgressPolicy } from '../../gateway/policy.ts';

/** In `detail` what was seen, in `reason` why it was not; both are clauses. */
export type TrialResult =
  | { works: true; detail: string }
  | { works: false; reason: string; remedy?: string | undefined };

export interface PodCheckOptions {
  /** Images of jobs, the most important one first. If it is empty, the image of the pod that this process is in, if there is one. */
  images: readonly string[];
  /** Pods try to connect to it. */
  serverUrl: URL;
  /** The limit of the configuration, if there is one. */
  diskBytes: number | undefined;
  /** The policy of a pod behind a wall. Undefined if no job has one. */
  policy?: (jobId: string) => EgressPolicy;
  /** Files are created in a new folder in this one, and removed. */
  folder: string;
  signal: AbortSignal;
}

/** A clause without its full stop, and how to correct it. */
export interface PodProblem {
  reason: string;
  remedy: string;
}

/** A pod that started as one of a job does, or why it did not. */
export type PodTrial =
  | {
      image: string;
      started: true;
      startMs: number;
      node: string;
      /** How the node got the image; undefined if it did not say. */
      pull: string | undefined;
      /** Clauses about the pod, as seen from inside. */
      facts: readonly string[];
      problems: readonly PodProblem[];
    }
  | { image: string; started: false; reason: string; remedy?: string | undefined };

export interface PodCheckResult {
  /** Why the API server refuses the Job of a task. Undefined if it accepts it. */
  refused: { reason: string; remedy: string } | undefined;
  /** One for each image, until the first that did not start. */
  pods: readonly PodTrial[];
  /** Whether a pod ended at its limit. Undefined if none could be tried. */
  limit: TrialResult | undefined;
  /** Images for which there was no time, or no hope. */
  untried: readonly string[];
  /** Whether a pod reached the server; undefined if that was not tried. */
  server: TrialResult | undefined;
  /** Whether a pod behind a wall reached its gateway only. Undefined if that was not tried. */
  wall: TrialResult | undefined;
  /** Clauses about objects that could not be removed. */
  left: readonly string[];
}

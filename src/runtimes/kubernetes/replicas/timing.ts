/** The times of replicas. A Lease that is not renewed ends at most 20 s later for every other replica. */
export interface ReplicaTiming {
  /** How long a replica is regarded as running after its last renewal, by the clock of the observer. */
  durationMs: number;
  /**
   * How long a replica regards itself as the owner of its jobs after it has sent a renewal. Shorter by what requests need that
   * are under way, and by what clocks may differ in speed.
   */
  provenMs: number;
  renewMs: number;
  /** Between two looks at the Leases of the others. */
  lookMs: number;
  /** After this time, records without an owner are looked for although no replica has ended. */
  sweepMs: number;
  requestMs: number;
  retryMs: number;
}

export const replicaTiming: ReplicaTiming = {
  durationMs: 15_000,
  provenMs: 10_000,
  renewMs: 3000,
  lookMs: 3000,
  sweepMs: 60_000,
  requestMs: 4000,
  retryMs: 1000,
};

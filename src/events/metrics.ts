/** Counts since the start, by their names in the log. */
export interface Metrics {
  polls: number;
  not_modified: number;
  failed_polls: number;
  /** New events of all types. */
  events: number;
  turns_created: number;
  tasks_updated: number;
  ignored: number;
  /** Events that were given up. */
  failed: number;
}

export function newMetrics(): Metrics {
  return {
    ...{ polls: 0, not_modified: 0, failed_polls: 0, events: 0 },
    ...{ turns_created: 0, tasks_updated: 0, ignored: 0, failed: 0 },
  };
}

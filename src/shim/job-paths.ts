/** Where a job keeps its files. */
export interface JobPaths {
  jobId: string;
  /** The job's own folder. The shim and runtimes keep here what they need across restarts of the runner. */
  folder: string;
  /** The newest segment of the job's log. Older segments lie beside it, see `job-log.ts`. */
  logFile: string;
}

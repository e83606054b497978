import { isJobIdPrefix } from './job-id.ts';

/** Of all job IDs those that `text` can mean: the one that it is, else those that start with it, with or without `plan42-`. */
export function matchingJobs(jobIds: readonly string[], text: string): string[] {
  const wanted = text.toLowerCase();
  if (!isJobIdPrefix(wanted)) return [];
  const full = jobIds.filter((jobId) => jobId === wanted || jobId === `plan42-${wanted}`);
  if (full.length > 0) return full;
  return jobIds.filter((jobId) => jobId.startsWith(wanted) || jobId.startsWith(`plan42-${wanted}`));
}

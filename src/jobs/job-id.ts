import { isUuid } from '../lib/uuid.ts';

const prefix = 'plan42-';

/** `plan42-<TaskId>-<TurnIndex>`: also the container's name, and part of file names. */
export function formatJobId(taskId: string, turnIndex: number): string {
  return `${prefix}${taskId.toLowerCase()}-${turnIndex}`;
}

/** The parts of a job ID. */
export function parseJobId(jobId: string): { taskId: string; turnIndex: number } {
  const dash = jobId.lastIndexOf('-');
  return { taskId: jobId.slice(prefix.length, dash), turnIndex: Number(jobId.slice(dash + 1)) };
}

/**
 * Whether `text` can be the start of a job ID, with or without `plan42-`; a task's ID for instance. Only such text is used in
 * paths and commands.
 */
export function isJobIdPrefix(text: string): boolean {
  if (text !== '' && prefix.startsWith(text)) return true;
  const rest = text.startsWith(prefix) ? text.slice(prefix.length) : text;
  const example = '00000000-0000-0000-0000-000000000000';
  if (rest.length <= example.length) return rest !== '' && isUuid(rest.toLowerCase() + example.slice(rest.length));
  return (
    isJobId(`${prefix}${rest}`) ||
    (rest.length === example.length + 1 && rest.endsWith('-') && isUuid(rest.slice(0, -1)))
  );
}

/** Whether `text` has the form of a job ID, so that it can't point outside a folder or be parsed as an option. */
export function isJobId(text: string): boolean {
  const dash = text.lastIndexOf('-');
  return (
    text.startsWith(prefix) && isUuid(text.slice(prefix.length, dash)) && /^[1-9]\d{0,8}$/.test(text.slice(dash + 1))
  );
}

/** The job IDs that `text` can mean: an exact match, else those that start with it, with or without `plan42-`. */
export function matchingJobs(jobIds: readonly string[], text: string): string[] {
  const wanted = text.toLowerCase();
  if (!isJobIdPrefix(wanted)) return [];
  const full = jobIds.filter((jobId) => jobId === wanted || jobId === `plan42-${wanted}`);
  if (full.length > 0) return full;
  return jobIds.filter((jobId) => jobId.startsWith(wanted) || jobId.startsWith(`plan42-${wanted}`));
}

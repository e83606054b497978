import { isUuid } from '../lib/uuid.ts';

const prefix = 'plan42-';

/** `plan42-<TaskId>-<TurnIndex>`: also the container's name, and part of file names. */
export function formatJobId(taskId: string, turnIndex: number): string {
  return `${prefix}${taskId.toLowerCase()}-${turnIndex}`;
}

/** Whether `text` has the form of a job ID, so that it can't reach outside a folder or be taken for an option. */
export function isJobId(text: string): boolean {
  const dash = text.lastIndexOf('-');
  return (
    text.startsWith(prefix) && isUuid(text.slice(prefix.length, dash)) && /^[1-9]\d{0,8}$/.test(text.slice(dash + 1))
  );
}

import { isJobIdPrefix, matchingJobs } from '../../../jobs/job-id.ts';
import type { JobStore } from '../../../jobs/store.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';

const list = '"plan42 runner job list -a" lists them';
const maxShown = 3;

/**
 * The ID of the job that `text` means: the ID, the start of it, or the start of the task's ID. Of several, the one that is not
 * finished.
 * @throws UserError if it can't be an ID (exit code 2), or means no job or more than one (exit code 1)
 */
export async function findJob(store: JobStore, text: string): Promise<string> {
  if (!isJobIdPrefix(text.toLowerCase())) {
    throw new UserError(`"${printableLine(text).slice(0, 100)}" is not a job ID`, {
      remedy: `Job IDs look like plan42-<task ID>-<turn>, and the start of one is enough; ${list}.`,
      exitCode: ExitCode.usage,
    });
  }
  const active = matchingJobs(await store.listActive(), text);
  const matches = active.length === 1 ? active : matchingJobs(await allJobs(store), text);
  const [match, ...others] = matches;
  if (match === undefined) throw new UserError(`there is no job ${text}`, { remedy: `${list}.` });
  if (others.length === 0) return match;
  const shown = matches.toSorted().slice(0, maxShown).join(', ') + (matches.length > maxShown ? ', …' : '');
  throw new UserError(`${matches.length} jobs start with ${text}: ${shown}`, {
    remedy: 'Give more characters of the ID.',
  });
}

async function allJobs(store: JobStore): Promise<string[]> {
  return [...new Set([...(await store.listActive()), ...(await store.listFinished())])];
}

import { isJobIdPrefix, matchingJobs } from '../../../jobs/job-id.ts';
import type { JobStore } from '../../../jobs/store.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';

const list = 'List the jobs: "plan42 runner job list -a".';
const maxShown = 3;

/**
 * Returns the job whose ID or task ID starts with `text`. If several match and one is unfinished, returns that one.
 * `explainMissing` can return a better error than that there is no such job.
 * @throws UserError if it is not a valid prefix (exit code 2), or not exactly one job matches (exit code 1)
 */
export async function findJob(
  store: JobStore,
  text: string,
  explainMissing: () => Promise<UserError | undefined> = async () => undefined,
): Promise<string> {
  if (!isJobIdPrefix(text.toLowerCase())) {
    throw new UserError(`"${printableLine(text).slice(0, 100)}" is not a job ID`, {
      remedy: `Job IDs look like plan42-<task ID>-<turn>, and the start of one is enough. ${list}`,
      exitCode: ExitCode.usage,
    });
  }
  const active = matchingJobs(await store.listActive(), text);
  const matches = active.length === 1 ? active : matchingJobs(await allJobs(store), text);
  const [match, ...others] = matches;
  if (match === undefined)
    throw (await explainMissing()) ?? new UserError(`no job ${text} on this machine`, { remedy: list });
  if (others.length === 0) return match;
  const shown = matches.toSorted().slice(0, maxShown).join(', ') + (matches.length > maxShown ? ', …' : '');
  throw new UserError(`${matches.length} jobs start with ${text}: ${shown}`, {
    remedy: 'Enter more characters of the ID.',
  });
}

async function allJobs(store: JobStore): Promise<string[]> {
  return [...new Set([...(await store.listActive()), ...(await store.listFinished())])];
}

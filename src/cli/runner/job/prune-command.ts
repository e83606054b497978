import { type Command, InvalidArgumentError } from 'commander';
import { duration, InvalidValue } from '../../../config/kinds.ts';
import type { CliContext } from '../../context.ts';
import { withPlaceOptions } from '../places.ts';
import type { PruneOptions } from './prune.ts';

const about = `
Removes what nothing needs any more, whether the runner runs or not:
  - records and logs of jobs that finished longer ago than jobs.keep_finished
  - containers that are left of jobs
  - images that were pulled for jobs, but for those used last (images.keep)
  - files that a crash left
Nothing of a job that runs or waits is touched, nor anything that the runner
has not made itself. The runner does the same by itself, every hour.

Examples:
  plan42 runner job prune --dry-run
  plan42 runner job prune --older-than 7d`;

/** `plan42 runner job prune` */
export function addPruneCommand(job: Command, context: CliContext): void {
  withPlaceOptions(job.command('prune').description('remove what is left of jobs that are over'))
    .option('--dry-run', 'only tell what would be removed')
    .option('--older-than <time>', 'finished jobs to remove, such as 7d or 12h (jobs.keep_finished)', toMs)
    .option('--json', 'print {"dryRun", "removed", "bytes", "failures"} as JSON')
    .addHelpText('after', about)
    .action(async (options: PruneOptions) => (await import('./prune.ts')).pruneJobs(context, options));
}

const tenYearsMs = 3650 * 86_400_000;

function toMs(text: string): number {
  try {
    return duration({ maxMs: tenYearsMs }).fromText(text);
  } catch (error) {
    if (error instanceof InvalidValue) throw new InvalidArgumentError(`It is ${error.message}.`);
    throw error;
  }
}

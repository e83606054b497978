import { type Command, InvalidArgumentError } from 'commander';
import { duration, InvalidValue } from '../../../config/kinds.ts';
import { isUuid } from '../../../lib/uuid.ts';
import type { CliContext } from '../../context.ts';
import { withRunnerOptions } from '../runner-paths.ts';
import type { PruneOptions } from './prune.ts';

const about = `
Removes what is no longer needed, whether the runner is running or not:
  - records and logs of all finished jobs, or those that --older-than selects
  - containers of finished jobs
  - images pulled for jobs, except the most recently used ones (images.keep)
  - files left by a crash
Keeps everything of running and waiting jobs, everything that this runner has
not created, and logs of unknown jobs that are younger than 5 minutes. The
runner does the same every hour, but keeps finished jobs for
jobs.keep_finished.

In a cluster, Jobs of a runner that lost its state remain, and agents in them
run on. They are listed with the ID of that runner. Once it no longer exists,
--instance ID ends and removes its Jobs.

Examples:
  plan42 runner job prune --dry-run
  plan42 runner job prune --older-than 7d`;

/** `plan42 runner job prune` */
export function addPruneCommand(job: Command, context: CliContext): void {
  withRunnerOptions(job.command('prune').description('remove remains of finished jobs'))
    .option('--dry-run', 'print what would be removed, and remove nothing')
    .option(
      '--older-than <time>',
      'minimum age of finished jobs to remove, such as 7d or 12h (default: all of them)',
      toMs,
    )
    .option('--instance <id>', 'also remove the Jobs of a runner that no longer exists, in a cluster', toInstanceId)
    .option('--json', 'print {"dryRun", "removed", "bytes", "kept", "failures"} as JSON')
    .addHelpText('after', about)
    .action(async (options: PruneOptions) => (await import('./prune.ts')).pruneJobs(context, options));
}

function toInstanceId(text: string): string {
  if (isUuid(text)) return text.toLowerCase();
  throw new InvalidArgumentError('It is not the instance ID of a runner.');
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

import type { Command } from 'commander';
import { JobArgument } from '../../completion/arguments.ts';
import type { CliContext } from '../../context.ts';
import { addLogOptions } from '../log-options.ts';
import { type PlaceOptions, withPlaceOptions } from '../places.ts';
import type { ShowLogOptions } from '../show-log.ts';
import type { ListJobsOptions } from './list.ts';
import { addPruneCommand } from './prune-command.ts';

const listExamples = `
Examples:
  plan42 runner job list                the jobs that are running
  plan42 runner job list -a             all that there are records of
  plan42 runner job list -a --json | jq -r '.[] | select(.exitCode != 0).jobId'

Newest first. It works without the runner too.`;

const logsExamples = `
Examples:
  plan42 runner job logs plan42-8f46cade         all of it, page by page
  plan42 runner job logs 8f46cade -f             follow it to the job's end
  plan42 runner job logs 8f46cade -f -n all      from its start
  plan42 runner job logs 8f46cade | grep -i error

The start of a job ID, or of the task's ID, is enough. Control characters are
shown as escapes such as \\x1b, and colours are left out.`;

const killExamples = `
Examples:
  plan42 runner job kill plan42-8f46cade

The agent is asked to end, and after jobs.stop_timeout made to. Its turn fails
with "killed by user"; when no runner is running, its next start reports that.`;

const idHelp = 'the job ID, or the start of it';

/** `plan42 runner job …` */
export function addJobCommands(runner: Command, context: CliContext): void {
  const job = runner.command('job').description('jobs, each of which is one run of an agent');
  addList(job, context);
  addLogs(job, context);
  addKill(job, context);
  addPruneCommand(job, context);
}

function addList(job: Command, context: CliContext): void {
  withPlaceOptions(job.command('list').description('list the jobs that are running'))
    .option('-a, --all', 'those that wait or have ended too')
    .option('-v, --verbose', 'state, exit code, end, runtime and image too')
    .option('--json', 'print them as JSON')
    .addHelpText('after', listExamples)
    .action(async (options: ListJobsOptions) => (await import('./list.ts')).listJobsCommand(context, options));
}

function addLogs(job: Command, context: CliContext): void {
  addLogOptions(withPlaceOptions(job.command('logs').description('show what an agent has written')))
    .addArgument(new JobArgument('<id>', idHelp, 'all'))
    .addHelpText('after', logsExamples)
    .action(async (id: string, options: ShowLogOptions & PlaceOptions) =>
      (await import('./logs.ts')).showJobLog(context, id, options),
    );
}

function addKill(job: Command, context: CliContext): void {
  withPlaceOptions(job.command('kill').description('end a job'))
    .addArgument(new JobArgument('<id>', idHelp, 'active'))
    .addHelpText('after', killExamples)
    .action(async (id: string, options: PlaceOptions) => (await import('./kill.ts')).killJob(context, id, options));
}

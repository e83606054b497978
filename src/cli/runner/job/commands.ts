import type { Command } from 'commander';
import { JobArgument } from '../../completion/arguments.ts';
import type { CliContext } from '../../context.ts';
import { addLogOptions } from '../../options.ts';
import type { ShowLogOptions } from '../../show-log.ts';
import { type RunnerOptions, withRunnerOptions } from '../runner-paths.ts';
import type { EgressOptions } from './egress.ts';
import type { ListJobsOptions } from './list.ts';
import { addPruneCommand } from './prune-command.ts';

const listExamples = `
Examples:
  plan42 runner job list                the running jobs
  plan42 runner job list -a             all jobs with a record
  plan42 runner job list -a --json | jq -r '.[] | select(.exitCode != 0).jobId'

Newest first. Also works if the runner is not running.`;

const logsExamples = `
Examples:
  plan42 runner job logs plan42-8f46cade         the whole log, in a pager
  plan42 runner job logs 8f46cade -f             follow until it finishes
  plan42 runner job logs 8f46cade -f -n all      follow it from its start
  plan42 runner job logs 8f46cade | grep -i error

The start of a job ID or task ID is enough. Control characters are escaped, for
example as \\x1b, and colors are removed.`;

const killExamples = `
Examples:
  plan42 runner job kill plan42-8f46cade

Sends SIGTERM to the agent, and SIGKILL after jobs.stop_timeout. The turn fails
with "killed by user". If the runner is not running, it reports this when it
starts.`;

const egressExamples = `
Examples:
  plan42 runner job egress 8f46cade
  plan42 runner job egress 8f46cade --json | jq -r '.hosts[].host'

Lists the hosts that the job connected to, and those that were refused. Also
works for finished jobs. See docs/egress.md.`;

const idHelp = 'job ID, or its start';

/** `plan42 runner job …` */
export function addJobCommands(runner: Command, context: CliContext): void {
  const job = runner.command('job').description('manage jobs: a job is one run of an agent');
  addList(job, context);
  addLogs(job, context);
  addEgress(job, context);
  addKill(job, context);
  addPruneCommand(job, context);
}

function addList(job: Command, context: CliContext): void {
  withRunnerOptions(job.command('list').description('list the running jobs'))
    .option('-a, --all', 'include waiting and finished jobs')
    .option('-v, --verbose', 'include state, exit code, end, runtime, network and image')
    .option('--json', 'print JSON')
    .addHelpText('after', listExamples)
    .action(async (options: ListJobsOptions) => (await import('./list.ts')).listJobsCommand(context, options));
}

function addLogs(job: Command, context: CliContext): void {
  addLogOptions(withRunnerOptions(job.command('logs').description('show the output of an agent')))
    .addArgument(new JobArgument('<id>', idHelp, 'all'))
    .addHelpText('after', logsExamples)
    .action(async (id: string, options: ShowLogOptions & RunnerOptions) =>
      (await import('./logs.ts')).showJobLog(context, id, options),
    );
}

function addEgress(job: Command, context: CliContext): void {
  withRunnerOptions(job.command('egress').description('show which hosts a job reached, and which were refused'))
    .addArgument(new JobArgument('<id>', idHelp, 'all'))
    .option('--json', 'print JSON')
    .addHelpText('after', egressExamples)
    .action(async (id: string, options: EgressOptions) =>
      (await import('./egress.ts')).showJobEgress(context, id, options),
    );
}

function addKill(job: Command, context: CliContext): void {
  withRunnerOptions(job.command('kill').description('kill a job'))
    .addArgument(new JobArgument('<id>', idHelp, 'active'))
    .addHelpText('after', killExamples)
    .action(async (id: string, options: RunnerOptions) => (await import('./kill.ts')).killJob(context, id, options));
}

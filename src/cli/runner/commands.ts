import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addConfigCommands } from './config/commands.ts';
import { addDoctorCommand } from './doctor/command.ts';
import { addJobCommands } from './job/commands.ts';
import { addLogOptions } from './log-options.ts';
import { type PlaceOptions, withPlaceOptions } from './places.ts';
import { addServiceCommands } from './service-commands.ts';
import type { ShowLogOptions } from './show-log.ts';
import type { StatusOptions } from './status.ts';

const statusExamples = `
Examples:
  plan42 runner status
  plan42 runner status --json | jq .runner.phase

The exit code is 0 when the runner runs, also when it is degraded, and 1 when it
doesn't.`;

const logsExamples = `
Examples:
  plan42 runner logs            all of it, page by page on a terminal
  plan42 runner logs -n 100     the last 100 lines
  plan42 runner logs -f         the last lines, and what comes

The runner writes this log however it was started; old parts are rotated away.`;

/** `plan42 runner …` */
export function addRunnerCommands(program: Command, context: CliContext): void {
  const runner = program.command('runner').description('takes tasks from a server and runs their agents here');
  addConfigCommands(runner, context);
  addExec(runner, context);
  addServiceCommands(runner, context);
  addStatus(runner, context);
  addLogs(runner, context);
  addDoctorCommand(runner, context);
  addJobCommands(runner, context);
}

function addExec(runner: Command, context: CliContext): void {
  runner
    .command('exec')
    .description('run the runner in the foreground')
    .argument('[args...]', 'for plan42-runner; "plan42 runner exec --help" prints its help')
    .usage('[args...]')
    // Everything behind it, `--help` included, is plan42-runner's.
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action((args: string[]) => context.handOver('plan42-runner', args));
}

function addStatus(runner: Command, context: CliContext): void {
  withPlaceOptions(runner.command('status').description('how the runner is: ready or not, queues, jobs'))
    .option('--json', 'print it as JSON')
    .addHelpText('after', statusExamples)
    .action(async (options: StatusOptions) => (await import('./status.ts')).showStatus(context, options));
}

function addLogs(runner: Command, context: CliContext): void {
  addLogOptions(withPlaceOptions(runner.command('logs').description("show the runner's own log")))
    .addHelpText('after', logsExamples)
    .action(async (options: ShowLogOptions & PlaceOptions) =>
      (await import('./logs.ts')).showServiceLog(context, options),
    );
}

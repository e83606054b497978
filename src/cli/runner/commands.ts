import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addLogOptions } from '../options.ts';
import type { ShowLogOptions } from '../show-log.ts';
import { addConfigCommands } from './config/commands.ts';
import type { DoctorOptions } from './doctor/doctor.ts';
import { addJobCommands } from './job/commands.ts';
import { type RunnerOptions, withRunnerOptions } from './runner-paths.ts';
import { addServiceCommands } from './service-commands.ts';
import type { StatusOptions } from './status.ts';

const statusExamples = `
Examples:
  plan42 runner status
  plan42 runner status --json | jq .runner.phase

The exit code is 0 if the runner is running, even if it is degraded. Otherwise
it is 1.`;

const logsExamples = `
Examples:
  plan42 runner logs            the whole log, in a pager on a terminal
  plan42 runner logs -n 100     the last 100 lines
  plan42 runner logs -f         the last 10 lines and new ones

The runner writes this log however it was started, and rotates it.`;

const doctorExamples = `
Starts containers, made of what is installed, and removes them again: they call
the server as agents do, also from behind the wall, use a credential, and end at
a limit. That takes a few seconds, at most two minutes. With
--quick, it starts nothing and ends within ten seconds. The exit code is 0 if no
check failed, otherwise that of the first failed check: 3 configuration,
4 token, 5 container runtime, 1 others.

In a cluster, it starts pods as those of jobs, from the images of recent jobs,
and says what it did not check.

Examples:
  plan42 runner doctor
  plan42 runner doctor --image registry.example.com/agent:1
  plan42 runner doctor --quick
  plan42 runner doctor --json | jq -r '.checks[] | .name + " " + .status'`;

/** `plan42 runner …` */
export function addRunnerCommands(program: Command, context: CliContext): void {
  const runner = program.command('runner').description('run agents for the tasks of a server on this machine');
  addConfigCommands(runner, context);
  addExec(runner, context);
  addServiceCommands(runner, context);
  addStatus(runner, context);
  addLogs(runner, context);
  addDoctor(runner, context);
  addJobCommands(runner, context);
}

function addExec(runner: Command, context: CliContext): void {
  runner
    .command('exec')
    .description('run the runner in the foreground')
    .argument('[args...]', 'for plan42-runner; "plan42 runner exec --help" prints its help')
    .usage('[args...]')
    // All arguments, including `--help`, belong to plan42-runner.
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action((args: string[]) => context.handOver('plan42-runner', args));
}

function addStatus(runner: Command, context: CliContext): void {
  withRunnerOptions(runner.command('status').description('show the status of the runner, its queues and jobs'))
    .option('--json', 'print JSON')
    .addHelpText('after', statusExamples)
    .action(async (options: StatusOptions) => (await import('./status.ts')).showStatus(context, options));
}

function addLogs(runner: Command, context: CliContext): void {
  addLogOptions(withRunnerOptions(runner.command('logs').description("show the runner's log")))
    .addHelpText('after', logsExamples)
    .action(async (options: ShowLogOptions & RunnerOptions) =>
      (await import('./logs.ts')).showServiceLog(context, options),
    );
}

function addDoctor(runner: Command, context: CliContext): void {
  withRunnerOptions(
    runner.command('doctor').description('check everything that the runner needs, with a fix for each problem'),
  )
    .option('--json', 'print JSON (docs/schemas/runner-doctor.json)')
    .option('--quick', 'do not start a container')
    .option('--image <image>', 'in a cluster, start a pod of this image instead of those of recent jobs')
    .addHelpText('after', doctorExamples)
    .action(async (options: DoctorOptions) => (await import('./doctor/doctor.ts')).doctor(context, options));
}

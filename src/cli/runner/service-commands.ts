import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { resolvedPath, withColorOption } from '../options.ts';

/** `plan42 runner enable|disable|stop` */
export function addServiceCommands(runner: Command, context: CliContext): void {
  withColorOption(runner.command('enable'))
    .description('start the runner now and at every login (launchd on macOS, systemd on Linux)')
    .option('-c, --config-file <file>', 'configuration file of the service', resolvedPath)
    .option('--json', 'print the status of the service as JSON')
    .addHelpText('after', enableHelp)
    .action(async (options) => (await import('./enable.ts')).enableCommand(context, options));
  withColorOption(runner.command('disable'))
    .description('stop the runner and do not start it at login')
    .option('--json', 'print the status of the service as JSON')
    .addHelpText('after', disableHelp)
    .action(async (options) => (await import('./stop.ts')).disableCommand(context, options));
  withColorOption(runner.command('stop'))
    .description('stop the runner until the next login or "plan42 runner enable"')
    .option('--json', 'print the status of the service as JSON')
    .addHelpText('after', stopHelp)
    .action(async (options) => (await import('./stop.ts')).stopCommand(context, options));
}

const enableHelp = `
Checks the configuration first. Restarts a running service if its definition
or the program has changed. The service inherits PATH, proxies and the settings
of container engines from this shell, and of the PLAN42_ variables only
PLAN42_STATE_DIR. Put other settings into the configuration file.

Examples:
  plan42 runner enable
  plan42 runner enable -c ~/work/plan42-runner.toml`;

const disableHelp = `
Running agents continue. The runner adopts them when it starts again.

Examples:
  plan42 runner disable`;

const stopHelp = `
The runner first responds to the messages that it has received, which can take
half a minute or more. Running agents continue. The runner adopts them when it
starts again.

Examples:
  plan42 runner stop`;

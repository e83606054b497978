import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { resolvedPath, withColorOption } from '../options.ts';

/** `plan42 runner enable|disable|stop` */
export function addServiceCommands(runner: Command, context: CliContext): void {
  withColorOption(runner.command('enable'))
    .description('start the runner now and at every login: launchd on macOS, systemd on Linux')
    .option('-c, --config-file <file>', 'the configuration that the service is to use', resolvedPath)
    .option('--json', 'print the service’s status as JSON')
    .addHelpText('after', enableHelp)
    .action(async (options) => (await import('./enable.ts')).enableCommand(context, options));
  withColorOption(runner.command('disable'))
    .description('stop the runner and no longer start it at login')
    .option('--json', 'print the service’s status as JSON')
    .addHelpText('after', disableHelp)
    .action(async (options) => (await import('./disable.ts')).disableCommand(context, options));
  withColorOption(runner.command('stop'))
    .description('stop the runner, until the next login or "plan42 runner enable"')
    .option('--json', 'print the service’s status as JSON')
    .addHelpText('after', stopHelp)
    .action(async (options) => (await import('./stop.ts')).stopCommand(context, options));
}

const enableHelp = `
Checks the configuration first. A service that runs is started anew when its
definition or the program has changed. It gets PATH, proxies and the settings
of container engines from this shell, and no PLAN42_ variables: what they set
belongs into the configuration file. PLAN42_STATE_DIR is kept.

Examples:
  plan42 runner enable
  plan42 runner enable -c ~/work/plan42-runner.toml`;

const disableHelp = `
Agents that run go on, and are taken up again when a runner starts.

Examples:
  plan42 runner disable`;

const stopHelp = `
What the runner has received is still answered, which takes half a minute or
more. Agents that run go on, and the runner takes them up again when it starts.

Examples:
  plan42 runner stop`;

import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { addLogOptions, withColorOption } from '../../options.ts';
import type { ServiceControlOptions } from '../../service/control.ts';
import type { ShowLogOptions } from '../../show-log.ts';
import { withLocationOptions } from '../location.ts';
import { withStartOptions } from '../start/options.ts';
import type { EnableServerOptions } from './enable.ts';
import type { ServerStatusOptions } from './status.ts';

/** `plan42 server enable|disable|stop|status|logs` */
export function addServiceCommands(server: Command, context: CliContext): void {
  withStartOptions(
    server
      .command('enable')
      .description('start the server now and at every login (launchd on macOS, systemd on Linux)'),
  )
    .option('--json', 'print the status of the service as JSON')
    .addHelpText('after', enableHelp)
    .action(async (options: EnableServerOptions) => (await import('./enable.ts')).enableServer(context, options));
  withColorOption(server.command('disable'))
    .description('stop the server and do not start it at login')
    .option('--json', 'print the status of the service as JSON')
    .addHelpText('after', disableHelp)
    .action(async (options: ServiceControlOptions) => (await import('./stop.ts')).disableServer(context, options));
  withColorOption(server.command('stop'))
    .description('stop the server until the next login or "plan42 server enable"')
    .option('--json', 'print the status of the service as JSON')
    .addHelpText('after', stopHelp)
    .action(async (options: ServiceControlOptions) => (await import('./stop.ts')).stopServer(context, options));
  withLocationOptions(server.command('status').description('show whether the server is running'))
    .option('--json', 'print JSON')
    .addHelpText('after', statusHelp)
    .action(async (options: ServerStatusOptions) => (await import('./status.ts')).showServerStatus(context, options));
  addLogOptions(withColorOption(server.command('logs').description('show the log of the service')))
    .addHelpText('after', logsHelp)
    .action(async (options: ShowLogOptions) => (await import('./logs.ts')).showServerLog(context, options));
}

const enableHelp = `
The service runs "plan42 server start" with these options. Run this again with
all options to change them. It restarts a running service if its definition or
the program has changed.

Examples:
  plan42 server enable
  plan42 server enable --data ~/plan42-server --keep-tasks 90d
  plan42 server enable --listen 0.0.0.0:7042 --tls-cert cert.pem \\
    --tls-key key.pem --public-url https://plan42.example.com:7042`;

const disableHelp = `
The data folder is kept.

Examples:
  plan42 server disable`;

const stopHelp = `
Running agents continue. They report to the server when it runs again.

Examples:
  plan42 server stop`;

const statusHelp = `
The exit code is 0 if the server responds, otherwise 1.

Examples:
  plan42 server status
  plan42 server status --json | jq -r .state`;

const logsHelp = `
A server in a terminal writes its log to standard error.

Examples:
  plan42 server logs            the whole log, in a pager on a terminal
  plan42 server logs -n 100     the last 100 lines
  plan42 server logs -f         the last 10 lines and new ones`;

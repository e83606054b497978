import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { resolvedPath } from '../options.ts';
import { addAccessKeyCommands } from './access-key/commands.ts';
import type { BackupOptions } from './backup.ts';
import { addConnectionCommands } from './connection/commands.ts';
import { addEnvironmentCommands } from './environment/commands.ts';
import { addFileCommands } from './file/commands.ts';
import { type LocationOptions, withDataOption, withLocationOptions } from './location.ts';
import { addServiceCommands } from './service/commands.ts';
import { withStartOptions } from './start/options.ts';
import type { ServerStartOptions } from './start/start.ts';
import { addTaskCommands } from './task/commands.ts';
import { addTokenCommands } from './token/commands.ts';
import { addTurnCommands } from './turn/commands.ts';
import { addWorkstreamCommands } from './workstream/commands.ts';

const startExamples = `
Examples:
  plan42 server start
  plan42 server start --listen 127.0.0.1:0 --data ./server-data
  plan42 server start --listen 0.0.0.0:7042 --tls-cert cert.pem \\
    --tls-key key.pem --public-url https://plan42.example.com

The other "plan42 server" commands find the running server by its data folder:
give them the same --data.`;

const linkExamples = `
Examples:
  plan42 server link
  xdg-open "$(plan42 server link)"`;

const backupExamples = `
The file contains all data with hosted repositories, keys and tokens, so keep
it as safe as a password. It has mode 0600, and appears only when it is
complete. The server may be running. Run this as the user that runs the server.

Examples:
  plan42 server backup plan42-backup.db
  plan42 server backup --force /backup/plan42.db`;

const restoreExamples = `
The server must be stopped. The files that are replaced are kept in a new
folder in the data folder. Run this as the user that runs the server.

Examples:
  plan42 server restore plan42-backup.db
  plan42 server restore plan42-backup.db --data /var/lib/plan42-server`;

/** `plan42 server …` */
export function addServerCommands(program: Command, context: CliContext): void {
  const server = program
    .command('server')
    .description('run and manage a small Plan42 server, the embedded control plane');
  withStartOptions(server.command('start').description('run the server in the foreground'))
    .option('--log-file <file>', 'write log lines to this file too, and rotate it', resolvedPath)
    .option('--quiet', 'print no text but log lines; with --log-file, write those to the file only')
    .option(
      '--discard-secrets',
      'remove the values of secret variables, all tokens and access keys, if secrets.key is lost',
    )
    .addHelpText('after', startExamples)
    .action(async (options: ServerStartOptions) => (await import('./start/start.ts')).startCommand(context, options));
  addServiceCommands(server, context);
  withLocationOptions(server.command('link'))
    .description('print a link that signs in to the web page once, within an hour')
    .addHelpText('after', linkExamples)
    .action(async (options: LocationOptions) => (await import('./link.ts')).printLink(context, options));
  withDataOption(server.command('backup'))
    .description('copy all data of the server into one file')
    .argument('<file>', 'new file for the backup', resolvedPath)
    .option('--force', 'replace an existing file')
    .addHelpText('after', backupExamples)
    .action(async (file: string, options: BackupOptions) =>
      (await import('./backup.ts')).backupCommand(context, file, options),
    );
  withDataOption(server.command('restore'))
    .description('replace all data of a stopped server by a backup')
    .argument('<file>', 'backup', resolvedPath)
    .addHelpText('after', restoreExamples)
    .action(async (file: string, options: BackupOptions) =>
      (await import('./backup.ts')).restoreCommand(context, file, options),
    );
  addTokenCommands(server, context);
  addAccessKeyCommands(server, context);
  addConnectionCommands(server, context);
  addEnvironmentCommands(server, context);
  addTaskCommands(server, context);
  addTurnCommands(server, context);
  addWorkstreamCommands(server, context);
  addFileCommands(server, context);
}

import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { examples } from '../../options.ts';
import { withLocationOptions } from '../location.ts';
import type { CreateAccessKeyOptions } from './create.ts';
import type { ListAccessKeysOptions } from './list.ts';
import type { RevokeAccessKeyOptions } from './revoke.ts';

const createExamples = `
Examples:
  eval "$(plan42 server access-key create --name laptop)"
The variables are for p42-ctl, with --endpoint and the URL of the server.`;

/** `plan42 server access-key …` */
export function addAccessKeyCommands(server: Command, context: CliContext): void {
  const key = server
    .command('access-key')
    .description('manage access keys, with which p42-ctl and the Go SDK sign requests');

  withLocationOptions(key.command('create').description('create an access key and print it as shell variables'))
    .option('--name <text>', 'name for the list, such as that of the machine', '')
    .option('--json', 'print the key and its secret as JSON')
    .addHelpText('after', createExamples)
    .action(async (options: CreateAccessKeyOptions) => (await import('./create.ts')).createAccessKey(context, options));

  withLocationOptions(key.command('list').description('list the access keys with their last use, newest first'))
    .option('-a, --all', 'include revoked keys')
    .option('--json', 'print all keys as JSON')
    .addHelpText('after', examples('plan42 server access-key list --all'))
    .action(async (options: ListAccessKeysOptions) => (await import('./list.ts')).listAccessKeys(context, options));

  withLocationOptions(key.command('revoke').description('revoke an access key immediately and permanently'))
    .argument('<id>', 'the ID of the key or its first 12 characters; not its secret')
    .addHelpText('after', examples('plan42 server access-key revoke P42K7YVLMJEX'))
    .action(async (id: string, options: RevokeAccessKeyOptions) =>
      (await import('./revoke.ts')).revokeAccessKey(context, id, options),
    );
}

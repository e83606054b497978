import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { examples, integerBetween } from '../../options.ts';
import { withLocationOptions } from '../location.ts';
import type { CreateTokenOptions } from './create.ts';
import type { ListTokensOptions } from './list.ts';
import type { RevokeTokenOptions } from './revoke.ts';

const createExamples = `
Examples:
  plan42 server token create --ttl-days 7

Only the token goes to standard output, so that you need not copy it:
  export PLAN42_RUNNER_TOKEN="$(plan42 server token create)"`;

/** `plan42 server token …` */
export function addTokenCommands(server: Command, context: CliContext): void {
  const token = server.command('token').description('manage runner tokens, with which runners authenticate');
  withLocationOptions(token.command('create').description('create a runner token and print it'))
    .option('--runner <id|name>', "runner of the token; default: the server's own runner")
    .option('--ttl-days <days>', 'validity in days, 1 to 365', integerBetween(1, 365), 90)
    .option('--json', 'print the token and its properties as JSON')
    .addHelpText('after', createExamples)
    .action(async (options: CreateTokenOptions) => (await import('./create.ts')).createToken(context, options));
  withLocationOptions(token.command('list').description('list the runner tokens, newest first'))
    .option('-a, --all', 'include revoked and expired tokens')
    .option('--json', 'print all tokens as JSON')
    .addHelpText('after', examples('plan42 server token list --all'))
    .action(async (options: ListTokensOptions) => (await import('./list.ts')).listTokens(context, options));
  withLocationOptions(token.command('revoke').description('revoke a runner token immediately and permanently'))
    .argument('<id>', 'the token ID or its first characters; not the token itself')
    .addHelpText('after', examples('plan42 server token revoke 583122a6'))
    .action(async (id: string, options: RevokeTokenOptions) =>
      (await import('./revoke.ts')).revokeToken(context, id, options),
    );
}

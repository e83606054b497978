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

Only the token goes to standard output, so that it needn't be typed or shown:
  export PLAN42_RUNNER_TOKEN="$(plan42 server token create)"`;

/** `plan42 server token …` */
export function addTokenCommands(server: Command, context: CliContext): void {
  const token = server.command('token').description('runner tokens, which runners identify themselves with');
  withLocationOptions(token.command('create').description('make a runner token and print it'))
    .option('--runner <id|name>', "whose token it is; the server's own runner when left out")
    .option('--ttl-days <days>', 'how long it is valid, 1 to 365 days', integerBetween(1, 365), 90)
    .option('--json', 'print the token and what is known about it as JSON')
    .addHelpText('after', createExamples)
    .action(async (options: CreateTokenOptions) => (await import('./create.ts')).createToken(context, options));
  withLocationOptions(token.command('list').description('list the runner tokens, newest first'))
    .option('-a, --all', 'revoked and expired ones too')
    .option('--json', 'print all of them as JSON')
    .addHelpText('after', examples('plan42 server token list --all'))
    .action(async (options: ListTokensOptions) => (await import('./list.ts')).listTokens(context, options));
  withLocationOptions(token.command('revoke').description('make a runner token invalid, at once and for ever'))
    .argument('<id>', 'the token ID, or the start of it; not the token itself')
    .addHelpText('after', examples('plan42 server token revoke 583122a6'))
    .action(async (id: string, options: RevokeTokenOptions) =>
      (await import('./revoke.ts')).revokeToken(context, id, options),
    );
}

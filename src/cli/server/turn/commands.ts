import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { examples, integerBetween } from '../../options.ts';
import { withLocationOptions } from '../location.ts';
import { withPromptOptions } from '../prompt.ts';
import type { CreateTurnOptions } from './create.ts';
import type { TurnLogsOptions } from './logs.ts';

const turnIndex = integerBetween(1, 1_000_000);

/** `plan42 server turn …` */
export function addTurnCommands(server: Command, context: CliContext): void {
  const turn = server.command('turn').description('turns, one round of work on a task each');
  withLocationOptions(withPromptOptions(turn.command('create').description('ask the agent of a task for another turn')))
    .argument('<task>', 'the task ID, or the start of it')
    .option('--follow', 'show status and log until the turn is over')
    .option('--json', 'print the turn as JSON, at the end with --follow')
    .addHelpText('after', examples('plan42 server turn create 8f46cade --prompt "Once more." --follow'))
    .action(async (task: string, options: CreateTurnOptions) =>
      (await import('./create.ts')).createTurn(context, task, options),
    );
  withLocationOptions(turn.command('logs').description("print a turn's log"))
    .argument('<task>', 'the task ID, or the start of it')
    .argument('[index]', 'which turn, 1 is the first; the latest when left out', turnIndex)
    .option('-f, --follow', 'go on until the turn is over')
    .addHelpText('after', examples('plan42 server turn logs 8f46cade -f', 'plan42 server turn logs 8f46cade 1'))
    .action(async (task: string, index: number | undefined, options: TurnLogsOptions) =>
      (await import('./logs.ts')).printTurnLogs(context, task, index, options),
    );
}

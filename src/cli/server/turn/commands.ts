import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { collect, examples, integerBetween } from '../../options.ts';
import { withLocationOptions } from '../location.ts';
import { withPromptOptions } from '../prompt.ts';
import type { CreateTurnOptions } from './create.ts';
import type { ListTurnsOptions } from './list.ts';
import type { TurnLogsOptions } from './logs.ts';

const turnIndex = integerBetween(1, 1_000_000);

/** `plan42 server turn …` */
export function addTurnCommands(server: Command, context: CliContext): void {
  const turn = server
    .command('turn')
    .description('add a turn, a round of work, to a task, list its turns or print a log');
  withLocationOptions(withPromptOptions(turn.command('create').description('add a turn to a task')))
    .argument('<task>', 'the task ID or its first characters')
    .option('--file <path>', 'file to upload for the agent; repeatable', collect)
    .option('--follow', 'follow status and log until the turn is finished')
    .option('--json', 'print the turn as JSON; with --follow at the end')
    .addHelpText('after', examples('plan42 server turn create 8f46cade --prompt "Once more." --follow'))
    .action(async (task: string, options: CreateTurnOptions) =>
      (await import('./create.ts')).createTurn(context, task, options),
    );
  withLocationOptions(turn.command('list').description('list the turns of a task, with their machines'))
    .argument('<task>', 'the task ID or its first characters')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('plan42 server turn list 8f46cade'))
    .action(async (task: string, options: ListTurnsOptions) =>
      (await import('./list.ts')).listTurns(context, task, options),
    );
  withLocationOptions(turn.command('logs').description("print a turn's log"))
    .argument('<task>', 'the task ID or its first characters')
    .argument('[index]', 'index of the turn, from 1; default: the latest', turnIndex)
    .option('-f, --follow', 'follow until the turn is finished')
    .addHelpText('after', examples('plan42 server turn logs 8f46cade -f', 'plan42 server turn logs 8f46cade 1'))
    .action(async (task: string, index: number | undefined, options: TurnLogsOptions) =>
      (await import('./logs.ts')).printTurnLogs(context, task, index, options),
    );
}

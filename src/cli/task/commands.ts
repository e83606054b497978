import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { examples, inputPath } from '../options.ts';
import type { RunOptions } from '../run/options.ts';
import { type LocationOptions, withLocationOptions } from '../server/location.ts';
import type { CancelTasksOptions } from '../server/task/cancel-many.ts';
import { withTaskFilter } from '../server/task/filter.ts';
import type { ListTasksOptions } from '../server/task/list.ts';
import type { MessageOptions } from '../server/task/message.ts';
import type { TaskOptions } from './changes.ts';

interface JsonOptions extends LocationOptions {
  json?: boolean;
}

const id = ['<id>', 'the task ID or its first characters'] as const;
const personal = true;

/** `plan42 task …`: the tasks of `plan42 run`, and of other servers with `--server` or `--data`. */
export function addPersonalTaskCommands(program: Command, context: CliContext): void {
  const task = program.command('task').description('list, show and follow your tasks, and take over their changes');
  const add = (name: string, description: string) => withLocationOptions(task.command(name).description(description));
  withTaskFilter(add('list', 'list tasks, newest first'))
    .option('--json', 'print JSON')
    .addHelpText('after', examples('plan42 task list', 'plan42 task list --state failed --search website'))
    .action(async (options: ListTasksOptions) =>
      (await import('../server/task/list.ts')).listTasks(context, { ...options, personal }),
    );
  add('show', 'show a task and its turns')
    .argument(...id)
    .option('--json', 'print {"Task", "Turns"} as JSON')
    .addHelpText('after', examples('plan42 task show 8f46cade'))
    .action(async (task: string, options: JsonOptions) =>
      (await import('../server/task/show.ts')).showTask(context, task, { ...options, personal }),
    );
  add('follow', "follow a task's latest turn until it is finished")
    .argument(...id)
    .addHelpText('after', examples('plan42 task follow 8f46cade'))
    .action(async (task: string, options: LocationOptions) =>
      (await import('../server/task/follow.ts')).followTask(context, task, { ...options, personal }),
    );
  add('message', "send a message to the agent of a task's latest turn")
    .argument(...id)
    .argument('[text...]', 'the message; default: standard input, if it is not a terminal')
    .option('--file <file>', 'read the message from a file; - is standard input', inputPath)
    .option('--json', 'print the message as JSON')
    .addHelpText('after', examples('plan42 task message 8f46cade "Use the new API instead."'))
    .action(async (task: string, text: string[], options: MessageOptions) =>
      (await import('../server/task/message.ts')).sendMessage(context, task, text, { ...options, personal }),
    );
  add('diff', 'print what a task has changed in this repository')
    .argument(...id)
    .option('--stat', 'print the number of changed lines of each file')
    .option('--no-pager', 'do not use a pager')
    .addHelpText('after', examples('plan42 task diff 8f46cade', 'plan42 task diff --stat 8f46cade'))
    .action(async (task: string, options: TaskOptions) =>
      (await import('./changes.ts')).diffTask(context, task, options),
    );
  add('apply', 'apply what a task has changed to your files, without a commit')
    .argument(...id)
    .addHelpText('after', examples('plan42 task apply 8f46cade'))
    .action(async (task: string, options: TaskOptions) =>
      (await import('./changes.ts')).applyTask(context, task, options),
    );
  withTaskFilter(add('cancel', 'cancel the latest turns of tasks'))
    .argument('[id...]', 'task IDs or their first characters')
    .option('--all', 'all tasks that are not finished')
    .addHelpText('after', examples('plan42 task cancel 8f46cade', 'plan42 task cancel --state pending'))
    .action(async (ids: string[], options: CancelTasksOptions) =>
      (await import('../server/task/cancel-many.ts')).cancelTasks(context, ids, { ...options, personal }),
    );
  add('turn', 'add a turn to a task, as "plan42 run --turn" does')
    .argument(...id)
    .argument('[prompt...]', 'what the agent is to do; default: standard input, if it is not a terminal')
    .option('--prompt-file <file>', 'read the prompt from a file; - is standard input', inputPath)
    .option('--apply', 'apply the changes to your files, without a commit')
    .option('--pr', 'push the branch to your remote at GitHub, and open a pull request')
    .option('--detach', 'do not wait for the agent')
    .option('--json', 'print the result as JSON; the log goes to standard error')
    .addHelpText('after', examples('plan42 task turn 8f46cade "Rename it, and add a test"'))
    .action(async (task: string, prompt: string[], options: RunOptions) =>
      (await import('../run/run.ts')).run(context, prompt, { ...options, container: true, turn: task }),
    );
}

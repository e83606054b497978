import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { collect, examples, inputPath } from '../../options.ts';
import { type LocationOptions, withLocationOptions } from '../location.ts';
import { withPromptOptions } from '../prompt.ts';
import type { CancelTasksOptions } from './cancel-many.ts';
import type { CreateTaskOptions } from './create.ts';
import type { DeleteTaskOptions } from './delete.ts';
import { withTaskFilter } from './filter.ts';
import type { ListTasksOptions } from './list.ts';
import type { MessageOptions } from './message.ts';

const createExamples = `
Examples:
  plan42 server task create --image me/agent:1 --prompt "Say hello." --follow
  plan42 server task create --image me/agent:1 --prompt-file task.md \\
    --repo me/website --env STAGE=test --env API_KEY
  git diff | plan42 server task create --environment website --prompt-file -

--image takes the environment that you made for the image, if there is one;
otherwise a new one, which is removed with its last task.

The task ID goes to standard output. With --follow the exit code is 0 if the
agent completed the task, 1 if it failed.

--env delivers a variable to the agent in its request; the agent gives it to the
programs that it runs. --env NAME without a value reads it from the environment
and marks it as secret.`;

const deleteExamples = `
The server hides a deleted task at once, and removes it from its database after
the time of "plan42 server start --keep-deleted".

Examples:
  plan42 server task delete 8f46cade
  plan42 server task delete --force 2b1d0a77 583122a6`;

const listExamples = examples(
  'plan42 server task list',
  'plan42 server task list --state failed --search website',
  'plan42 server task list --json | jq length',
);

const cancelExamples = examples(
  'plan42 server task cancel 8f46cade',
  'plan42 server task cancel --state pending',
  'plan42 server task cancel --search website',
);

interface JsonOptions extends LocationOptions {
  json?: boolean;
}

/** `plan42 server task …` */
export function addTaskCommands(server: Command, context: CliContext): void {
  const task = server
    .command('task')
    .description('create, list, follow, cancel and delete tasks, and write to their agents');
  addCreate(task, context);
  withLocationOptions(withTaskFilter(task.command('list').description('list tasks, newest first')))
    .option('--json', 'print JSON')
    .addHelpText('after', listExamples)
    .action(async (options: ListTasksOptions) => (await import('./list.ts')).listTasks(context, options));
  withLocationOptions(task.command('show').description('show a task and its turns'))
    .argument('<id>', 'the task ID or its first characters')
    .option('--json', 'print {"Task", "Turns"} as JSON')
    .addHelpText('after', examples('plan42 server task show 8f46cade'))
    .action(async (id: string, options: JsonOptions) => (await import('./show.ts')).showTask(context, id, options));
  withLocationOptions(task.command('follow').description("follow a task's latest turn until it is finished"))
    .argument('<id>', 'the task ID or its first characters')
    .addHelpText('after', examples('plan42 server task follow 8f46cade'))
    .action(async (id: string, options: LocationOptions) =>
      (await import('./follow.ts')).followTask(context, id, options),
    );
  withLocationOptions(task.command('message').description("send a message to the agent of a task's latest turn"))
    .argument('<id>', 'the task ID or its first characters')
    .argument('[text...]', 'the message; default: standard input, if it is not a terminal')
    .option('--file <file>', 'read the message from a file; - is standard input', inputPath)
    .option('--json', 'print the message as JSON')
    .addHelpText('after', examples('plan42 server task message 8f46cade "Use the new API instead."'))
    .action(async (id: string, text: string[], options: MessageOptions) =>
      (await import('./message.ts')).sendMessage(context, id, text, options),
    );
  withLocationOptions(withTaskFilter(task.command('cancel').description('cancel the latest turns of tasks')))
    .argument('[id...]', 'task IDs or their first characters')
    .option('--all', 'all tasks that are not finished')
    .addHelpText('after', cancelExamples)
    .action(async (ids: string[], options: CancelTasksOptions) =>
      (await import('./cancel-many.ts')).cancelTasks(context, ids, options),
    );
  withLocationOptions(task.command('delete').description('delete tasks with their turns and logs'))
    .argument('<id...>', 'task IDs or their first characters')
    .option('--force', 'cancel the latest turn of a task first, if it is not finished')
    .addHelpText('after', deleteExamples)
    .action(async (ids: string[], options: DeleteTaskOptions) =>
      (await import('./delete.ts')).deleteTasks(context, ids, options),
    );
}

function addCreate(task: Command, context: CliContext): void {
  const create = task.command('create').description('create a task for an agent');
  withPromptOptions(create)
    .option('--image <image>', 'container image with the agent')
    .option('--title <title>', 'title; default: the first line of the prompt')
    .option('--env <name[=value]>', 'variable for the agent, delivered in its request; repeatable', collect)
    .option(
      '--repo <org/repo[:branch]>',
      'repository and target branch, if not its default branch; repeatable',
      collect,
    )
    .option('--environment <id|name>', 'existing environment to use instead of image and variables')
    .option('--file <path>', 'file to upload for the agent, such as a screenshot; repeatable', collect)
    .option('--workstream <id|name>', 'workstream that gets the task as its last')
    .option('--follow', 'follow status and log until the turn is finished')
    .option('--json', 'print {"Task", "Turns"} as JSON; with --follow at the end');
  withLocationOptions(create)
    .addHelpText('after', createExamples)
    .action(async (options: CreateTaskOptions) => (await import('./create.ts')).createTask(context, options));
}

import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { collect, examples } from '../../options.ts';
import { type LocationOptions, withLocationOptions } from '../location.ts';
import { withPromptOptions } from '../prompt.ts';
import type { CreateTaskOptions } from './create.ts';

const createExamples = `
Examples:
  plan42 server task create --image me/agent:1 --prompt "Say hello." --follow
  plan42 server task create --image me/agent:1 --prompt-file task.md \\
    --repo me/website --env STAGE=test --env API_KEY
  git diff | plan42 server task create --environment ID --prompt-file -

The task ID goes to standard output. With --follow the exit code is 0 when the
agent completed the task, 1 when it failed. --env NAME without a value takes it
from the environment and marks it as secret.`;

interface JsonOptions extends LocationOptions {
  json?: boolean;
}

/** `plan42 server task …` */
export function addTaskCommands(server: Command, context: CliContext): void {
  const task = server.command('task').description('tasks, which agents work on');
  addCreate(task, context);
  withLocationOptions(task.command('list').description('list the tasks, newest first'))
    .option('--json', 'print them as JSON')
    .addHelpText('after', examples('plan42 server task list', 'plan42 server task list --json | jq length'))
    .action(async (options: JsonOptions) => (await import('./list.ts')).listTasks(context, options));
  withLocationOptions(task.command('show').description('show a task and its turns'))
    .argument('<id>', 'the task ID, or the start of it')
    .option('--json', 'print {"Task", "Turns"} as JSON')
    .addHelpText('after', examples('plan42 server task show 8f46cade'))
    .action(async (id: string, options: JsonOptions) => (await import('./show.ts')).showTask(context, id, options));
  withLocationOptions(task.command('follow').description("follow a task's latest turn until it is over"))
    .argument('<id>', 'the task ID, or the start of it')
    .addHelpText('after', examples('plan42 server task follow 8f46cade'))
    .action(async (id: string, options: LocationOptions) =>
      (await import('./follow.ts')).followTask(context, id, options),
    );
  withLocationOptions(task.command('cancel').description("end a task's latest turn as failed"))
    .argument('<id>', 'the task ID, or the start of it')
    .addHelpText('after', examples('plan42 server task cancel 8f46cade'))
    .action(async (id: string, options: LocationOptions) =>
      (await import('./cancel.ts')).cancelTask(context, id, options),
    );
}

function addCreate(task: Command, context: CliContext): void {
  const create = task.command('create').description('give an agent something to do');
  withPromptOptions(create)
    .option('--image <image>', 'container image with the agent')
    .option('--title <title>', 'the first line of the prompt when left out')
    .option('--env <name[=value]>', 'environment variable for the agent; can be repeated', collect)
    .option(
      '--repo <org/repo[:branch]>',
      'repository to work on, and its target branch (main); can be repeated',
      collect,
    )
    .option('--environment <id>', 'use this environment, instead of one made for image, variables and repositories')
    .option('--follow', 'show status and log until the turn is over')
    .option('--json', 'print {"Task", "Turns"} as JSON, at the end with --follow');
  withLocationOptions(create)
    .addHelpText('after', createExamples)
    .action(async (options: CreateTaskOptions) => (await import('./create.ts')).createTask(context, options));
}

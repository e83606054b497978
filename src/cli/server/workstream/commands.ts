import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { examples } from '../../options.ts';
import { type LocationOptions, withLocationOptions } from '../location.ts';
import type { CreateWorkstreamOptions } from './create.ts';

interface JsonOptions extends LocationOptions {
  json?: boolean;
}

const createExamples = `
A new workstream is paused: add its tasks, then resume it. A task starts when
all tasks above it are completed.

Examples:
  plan42 server workstream create "New checkout"
  plan42 server task create --workstream "New checkout" --image me/agent:1 \\
    --prompt "First step."
  plan42 server workstream resume "New checkout"`;

const name = ['<workstream>', 'its name, ID or first characters of the ID'] as const;

/** `plan42 server workstream …` */
export function addWorkstreamCommands(server: Command, context: CliContext): void {
  const workstream = server.command('workstream').description('manage workstreams, ordered lists of tasks');
  withLocationOptions(workstream.command('create').description('create a workstream and print its ID'))
    .argument('<name>', 'its name')
    .option('--description <text>', 'what it is for', '')
    .option('--short-name <name>', 'short name, such as SHOP, that is part of the numbers of its tasks', '')
    .option('--json', 'print the workstream as JSON')
    .addHelpText('after', createExamples)
    .action(async (text: string, options: CreateWorkstreamOptions) =>
      (await import('./create.ts')).createWorkstream(context, text, options),
    );
  withLocationOptions(workstream.command('list').description('list the workstreams'))
    .option('--json', 'print JSON')
    .addHelpText('after', examples('plan42 server workstream list'))
    .action(async (options: JsonOptions) => (await import('./list.ts')).listWorkstreams(context, options));
  withLocationOptions(workstream.command('show').description('show a workstream and its tasks in their order'))
    .argument(...name)
    .option('--json', 'print {"Workstream", "Tasks"} as JSON')
    .addHelpText('after', examples('plan42 server workstream show "New checkout"'))
    .action(async (text: string, options: JsonOptions) =>
      (await import('./show.ts')).showWorkstream(context, text, options),
    );
  withLocationOptions(workstream.command('resume').description('let the tasks of a workstream start'))
    .argument(...name)
    .addHelpText('after', examples('plan42 server workstream resume "New checkout"'))
    .action(async (text: string, options: LocationOptions) =>
      (await import('./change.ts')).setPaused(context, text, false, options),
    );
  withLocationOptions(workstream.command('pause').description('start no more tasks of a workstream'))
    .argument(...name)
    .addHelpText('after', examples('plan42 server workstream pause "New checkout"'))
    .action(async (text: string, options: LocationOptions) =>
      (await import('./change.ts')).setPaused(context, text, true, options),
    );
  withLocationOptions(workstream.command('delete').description('delete a workstream; its tasks stay, but do not start'))
    .argument(...name)
    .addHelpText('after', examples('plan42 server workstream delete "New checkout"'))
    .action(async (text: string, options: LocationOptions) =>
      (await import('./change.ts')).deleteWorkstream(context, text, options),
    );
}

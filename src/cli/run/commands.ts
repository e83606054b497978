import { type Command, InvalidArgumentError, Option } from 'commander';
import { runtimeNames } from '../../config/schema.ts';
import type { CliContext } from '../context.ts';
import { collect, inputPath } from '../options.ts';
import { withLocationOptions } from '../server/location.ts';
import { runNetworks } from './network-names.ts';
import type { RunOptions } from './options.ts';
import type { ServeOptions } from './service/serve.ts';

const help = `
Sends the commit that you are on to an agent in a container, shows its log, and
fetches its work as a branch of this repository, which needs no remote. Your
files do not change. It starts a server and a runner for you, which stop when
they have been idle for ten minutes.

On a terminal, Ctrl-C asks whether to cancel the task, to detach, or to go on.
Elsewhere it cancels the task.

The exit code is 0 if the agent completed the turn, also if it changed nothing,
and 130 if the turn was cancelled. See "plan42 --help" for the others.

Examples:
  plan42 run --agent claude "Fix the failing test"
  plan42 run --image me/agent:1 --dirty --apply "Finish what I began"
  plan42 run --turn 8f46cade "Rename it, and add a test"
  plan42 run --allow docs.example.com "Update the dependencies"
  plan42 run --network minimal "Explain the failing test"
  git log -5 | plan42 run --agent claude --prompt-file -`;

const networkHelp =
  'what the agent may reach: its model and package registries, its model alone, every public host, or anything, with its keys inside; default: $PLAN42_RUN_NETWORK, or packages where that can be enforced';

/** `plan42 run`, and the service behind it. */
export function addRunCommands(program: Command, context: CliContext): void {
  const run = program
    .command('run')
    .description('give a prompt to an agent, for the repository that you are in')
    .argument('[prompt...]', 'what the agent is to do; default: standard input, if it is not a terminal')
    .option('--prompt-file <file>', 'read the prompt from a file; - is standard input', inputPath)
    .option('--agent <name>', 'agent, such as claude; default: $PLAN42_RUN_AGENT, or the one whose key is set')
    .option('--image <image>', 'container image with the agent; default: one that is built for it')
    .option('--model <name>', 'model, if not the default of the agent')
    .option('--title <title>', 'title of the task; default: the first line of the prompt')
    .option('--env <name[=value]>', 'variable for the agent; without a value, a secret from the environment', collect)
    .addOption(new Option('--network <hosts>', networkHelp).choices(runNetworks))
    .option('--allow <host>', 'let the agent reach this host or preset too; repeatable', collect)
    .option('--dirty', 'include uncommitted changes, and files that git does not ignore')
    .option('--turn <task>', 'add a turn to this task, instead of a new task')
    .option('--apply', 'apply the changes to your files, without a commit')
    .option('--pr', 'push the branch to your remote at GitHub, and open a pull request')
    .option('--detach', 'do not wait for the agent; print the ID of the task')
    .option('--json', 'print the result as JSON; the log goes to standard error')
    .option('--no-container', 'run the agent as yourself, without isolation');
  withLocationOptions(run)
    .addHelpText('after', help)
    .action(async (prompt: string[], options: RunOptions) => (await import('./run.ts')).run(context, prompt, options));
  program
    .command('run-service', { hidden: true })
    .addOption(new Option('--runtime <name>').choices(runtimeNames))
    .requiredOption('--idle-minutes <n>', 'time without clients until it stops', minutes)
    .action(async ({ idleMinutes, runtime }: { idleMinutes: number } & Pick<ServeOptions, 'runtime'>) => {
      const { serve } = await import('./service/serve.ts');
      await serve(context, { idleTimeout: idleMinutes * 60_000, ...(runtime && { runtime }) });
    });
  program
    .command('agent-wrapper', { hidden: true })
    .description('run the reference agent, which reads a request on standard input')
    .action(() => context.handOver('plan42-agent', []));
}

function minutes(text: string): number {
  const value = /^\d{1,6}(?:\.\d{1,4})?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0) return value;
  throw new InvalidArgumentError('It must be a number of minutes.');
}

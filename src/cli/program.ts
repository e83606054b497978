import { Command } from 'commander';
import { addAgentCommands } from './agents/commands.ts';
import { addCompletionCommands } from './completion/commands.ts';
import type { CliContext } from './context.ts';
import { withColorOption } from './options.ts';
import { explainUsage } from './render-error.ts';
import { addRunCommands } from './run/commands.ts';
import { addRunnerCommands } from './runner/commands.ts';
import { addServerCommands } from './server/commands.ts';
import { createStyle, wantsColor } from './style.ts';
import { addPersonalTaskCommands } from './task/commands.ts';
import { addVersionCommand } from './version/command.ts';
import { withVersionOption } from './version-option.ts';

const examples = `
Examples:
  plan42 run "Fix the bug"          give a prompt to an agent, in any repository
  plan42 server start               try Plan42 locally, without an account
  plan42 runner exec                run the runner in the foreground
  plan42 runner status              show its status and jobs
  plan42 runner job logs ID -f      follow the output of an agent
  plan42 server task create --help  how to create a task

Exit codes:
  0 done, 1 an operation failed, 2 bad usage, 3 configuration missing or
  invalid, 4 token invalid or rejected, 5 container runtime not available,
  6 not supported on this platform, 130 interrupted`;

const sampleAgentHelp = `
It counts the words of the prompt. The runner starts it as your own process,
without isolation: use it for trials only.

Examples:
  plan42 runner exec --runtime host --set host.unisolated=true \\
    --set 'host.command=["plan42", "sample-agent"]'`;

/** The whole command line. Commands load their implementation when called, which keeps start-up fast. */
export function createProgram(context: CliContext): Command {
  const { stdout, stderr } = context;
  const style = createStyle(wantsColor(stdout, context));
  const program = withVersionOption(withColorOption(new Command('plan42')), context.versionText)
    .description('Run AI agent tasks on your own machines.')
    .helpOption('-h, --help', 'print help for a command')
    .enablePositionalOptions()
    .configureHelp({ styleTitle: style.bold })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: () => {},
      outputError: () => {},
      getOutHasColors: () => wantsColor(stdout, context),
      getOutHelpWidth: () => stdout.columns || 80,
    })
    .addHelpText('after', examples);
  addRunCommands(program, context);
  addPersonalTaskCommands(program, context);
  addRunnerCommands(program, context);
  addServerCommands(program, context);
  addAgentCommands(program, context);
  addCompletionCommands(program, context);
  addVersionCommand(program, context);
  program
    .command('sample-agent')
    .description('run a minimal agent for trials, which reads a request on standard input')
    .addHelpText('after', sampleAgentHelp)
    .action(() => context.handOver('plan42-sample-agent', []));
  forEachCommand(program, (command) => {
    if (!handsOptionsOver(command)) withVersionOption(command, context.versionText, { hidden: true });
    command.exitOverride((error) => {
      if (error.exitCode !== 0) stderr.write(explainUsage(command, error));
      throw error;
    });
  });
  return program;
}

/** The programs that these commands start have the option themselves. */
function handsOptionsOver(command: Command): boolean {
  return command.parent?.name() === 'runner' && ['config', 'exec'].includes(command.name());
}

function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const subcommand of command.commands) forEachCommand(subcommand, visit);
}

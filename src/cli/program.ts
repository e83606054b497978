import { Command } from 'commander';
import type { CliContext } from './context.ts';
import { withColorOption } from './options.ts';
import { addRunnerCommands } from './runner/commands.ts';
import { addServerCommands } from './server/commands.ts';
import { createStyle, wantsColor } from './style.ts';
import { explainUsage } from './usage.ts';

const examples = `
Examples:
  plan42 server start               try Plan42 here, without an account
  plan42 runner exec                run the runner in the foreground
  plan42 server task create --help  how to give an agent something to do

Exit codes:
  0 done, 1 an operation failed, 2 bad usage, 3 configuration missing or
  invalid, 4 token invalid or refused, 5 container runtime not available,
  6 not supported on this platform, 130 interrupted`;

/** The whole command line. What a command does is loaded when it is called, so that the rest stays quick. */
export function createProgram(context: CliContext): Command {
  const { stdout, stderr } = context;
  const style = createStyle(wantsColor(stdout, context));
  const program = withColorOption(new Command('plan42'))
    .description('Runs AI agent tasks on your own machines.')
    .version(context.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help for a command')
    .enablePositionalOptions()
    .configureHelp({ styleTitle: style.bold })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: () => {},
      outputError: () => {},
      getOutHasColors: () => wantsColor(stdout, context),
      getOutHelpWidth: () => stdout.columns ?? 80,
    })
    .addHelpText('after', examples);
  addRunnerCommands(program, context);
  addServerCommands(program, context);
  forEachCommand(program, (command) => {
    command.exitOverride((error) => {
      if (error.exitCode !== 0) stderr.write(explainUsage(command, error));
      throw error;
    });
  });
  return program;
}

function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const subcommand of command.commands) forEachCommand(subcommand, visit);
}

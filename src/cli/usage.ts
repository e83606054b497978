import type { Command, CommanderError } from 'commander';

/** One line about a mistake in the command line, with what to do next. */
export function explainUsage(command: Command, error: CommanderError): string {
  const mistake = error.code === 'commander.help' ? missingSubcommand(command) : sentence(error.message);
  return `ERROR: ${mistake} Run "${commandPath(command)} --help".\n`;
}

// Commander prints help for a command that needs a subcommand, and gives no message.
function missingSubcommand(command: Command): string {
  const visible = command.createHelp().visibleCommands(command);
  const names = visible.map((subcommand) => subcommand.name()).filter((name) => name !== 'help');
  return `missing command: one of ${names.join(', ')}.`;
}

function sentence(message: string): string {
  const text = message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*\(Did you mean (.*)\)/, ' (did you mean $1)')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`;
}

import { type Command, CommanderError, Option } from 'commander';

/**
 * Adds `-V` and `--version`, and hidden `-v`, which the Go runner has. An option of the command with one of these names
 * keeps its meaning.
 */
export function withVersionOption(command: Command, versionText: string, { hidden = false } = {}): Command {
  const options = [
    new Option('-V, --version', 'print the version (also -v)').hideHelp(hidden),
    new Option('-v').hideHelp(),
  ];
  for (const option of options) {
    if (command.options.some(({ short, long }) => short === option.short || (long && long === option.long))) continue;
    command.addOption(option).on(`option:${option.name()}`, () => {
      command.configureOutput().writeOut?.(`${versionText}\n`);
      throw new CommanderError(0, 'commander.version', versionText);
    });
  }
  return command;
}

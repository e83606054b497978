/** Descriptions of commands, independent of the document that they are rendered to. */
import type { EventEmitter } from 'node:events';
import type { Command } from 'commander';
import { type Note, parseNotes } from './notes.ts';

export interface CommandDescription {
  /** For example `plan42 runner job list`. */
  path: string;
  /** A sentence. */
  about: string;
  /** The path and its arguments. */
  usage: string;
  arguments: Item[];
  options: Item[];
  /** The help text below the options. */
  notes: Note[];
  subcommands: CommandDescription[];
}

export interface Item {
  /** `-n, --lines <n>` */
  term: string;
  about: string;
}

export function describeCommand(command: Command, parentPath = ''): CommandDescription {
  const helper = command.createHelp();
  const path = `${parentPath} ${command.name()}`.trim();
  const options = helper.visibleOptions(command).filter(({ long }) => long !== '--help');
  const subcommands = helper.visibleCommands(command).filter((subcommand) => subcommand.name() !== 'help');
  return {
    path,
    about: sentence(command.description()),
    usage: helper.commandUsage(command),
    arguments: helper.visibleArguments(command).map((argument) => ({
      term: helper.argumentTerm(argument),
      about: helper.argumentDescription(argument),
    })),
    options: options.map((option) => ({ term: helper.optionTerm(option), about: helper.optionDescription(option) })),
    notes: parseNotes(textAfterHelp(command)),
    subcommands: subcommands.map((subcommand) => describeCommand(subcommand, path)),
  };
}

/** Returns the command and all its subcommands, in the order of the help. */
export function withSubcommands(command: CommandDescription): CommandDescription[] {
  return [command, ...command.subcommands.flatMap(withSubcommands)];
}

// Commander keeps the texts of `addHelpText` as listeners only.
function textAfterHelp(command: Command): string {
  let written = '';
  const write = (text: string) => {
    written += text;
  };
  (command as unknown as EventEmitter).emit('afterHelp', { error: false, command, write });
  return written;
}

function sentence(text: string): string {
  const end = text.endsWith('.') ? '' : '.';
  return text.slice(0, 1).toUpperCase() + text.slice(1) + end;
}

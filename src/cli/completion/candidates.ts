/** The completions of a command line, derived from the definitions of the commands. */
import type { Argument, Command, Option } from 'commander';
import { JobArgument, SettingArgument } from './arguments.ts';

export interface Candidate {
  value: string;
  about: string;
}

export type Completion =
  | { kind: 'words'; words: Candidate[] }
  | { kind: 'files' }
  | { kind: 'folders' }
  | { kind: 'settings'; start: string }
  | { kind: 'jobs'; which: 'all' | 'active'; start: string };

/** The position of the last word in the tree of commands. */
interface Position {
  command: Command;
  /** Number of preceding arguments. */
  argumentCount: number;
  /** The option whose value is completed. */
  option: Option | undefined;
  onlyArguments: boolean;
  current: string;
}

/** @param words the words after the program's name; the last one, which may be empty, is completed */
export function complete(program: Command, words: readonly string[]): Completion {
  const position = locate(program, words);
  const { command, option, current, onlyArguments } = position;
  const [, flag, start] = /^(--[\w-]+)=(.*)$/s.exec(current) ?? [];
  if (option) return completeValue(option, current);
  if (flag !== undefined && !onlyArguments) {
    const completion = completeValue(findOption(command, flag), start ?? '');
    return completion.kind === 'words' ? withPrefix(completion.words, `${flag}=`) : completion;
  }
  if (current.startsWith('-') && !onlyArguments) return starting(current, optionsOf(command));
  const subcommands = onlyArguments ? [] : subcommandsOf(command);
  if (subcommands.length > 0) return starting(current, subcommands);
  return completeArgument(argumentAt(command, position.argumentCount), current);
}

function locate(program: Command, words: readonly string[]): Position {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  let command = program;
  let argumentCount = 0;
  let option: Option | undefined;
  let onlyArguments = false;
  for (const word of before) {
    // Bash splits words at an equals sign.
    if (word === '=' && option) continue;
    if (option) option = undefined;
    else if (onlyArguments) argumentCount += 1;
    else if (word === '--') onlyArguments = true;
    else if (word.startsWith('-')) option = takesValue(findOption(command, word));
    else {
      const subcommand = command.commands.find((candidate) => candidate.name() === word);
      if (subcommand) [command, argumentCount] = [subcommand, 0];
      else argumentCount += 1;
    }
  }
  return { command, argumentCount, option, onlyArguments, current: option && current === '=' ? '' : current };
}

function takesValue(option: Option | undefined): Option | undefined {
  return option?.required ? option : undefined;
}

function findOption(command: Command, flag: string): Option | undefined {
  return command.options.find((option) => option.long === flag || option.short === flag);
}

function completeValue(option: Option | undefined, current: string): Completion {
  if (option?.argChoices) return starting(current, plain(option.argChoices));
  if (option && /<file>/.test(option.flags)) return { kind: 'files' };
  if (option && /<folder>/.test(option.flags)) return { kind: 'folders' };
  return { kind: 'words', words: [] };
}

function argumentAt(command: Command, index: number): Argument | undefined {
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  return registeredArguments[index] ?? (last?.variadic ? last : undefined);
}

function completeArgument(argument: Argument | undefined, current: string): Completion {
  if (argument instanceof JobArgument) return { kind: 'jobs', which: argument.which, start: current };
  if (argument instanceof SettingArgument) return { kind: 'settings', start: current };
  return starting(current, plain(argument?.argChoices ?? []));
}

function subcommandsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((subcommand) => ({ value: subcommand.name(), about: subcommand.description() }))
    .filter(({ value }) => value !== 'help');
}

function optionsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map((option) => ({ value: option.long ?? option.short ?? '', about: option.description }));
}

function plain(values: readonly string[]): Candidate[] {
  return values.map((value) => ({ value, about: '' }));
}

function starting(start: string, candidates: readonly Candidate[]): Completion {
  return { kind: 'words', words: candidates.filter(({ value }) => value.startsWith(start)) };
}

function withPrefix(words: readonly Candidate[], prefix: string): Completion {
  return { kind: 'words', words: words.map(({ value, about }) => ({ value: prefix + value, about })) };
}

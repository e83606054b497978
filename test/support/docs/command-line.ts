/** Checks command lines of the documentation against the definitions of the programs. Runs nothing. */
import type { Command } from 'commander';
import { loadPrograms } from '../../../scripts/docs/programs.ts';

const names = new Set(['plan42', 'plan42-runner', 'plan42-runner-config']);

/** Returns the words from a plan42 command on, also after `sudo`, `exec` or `npx`. Undefined if there is none. */
export function ownCommand(words: readonly string[]): string[] | undefined {
  const isOption = (word = '') => word.startsWith('-');
  const isPrefix = ['sudo', 'exec', 'npx', 'nohup', 'time', 'env'].includes(words[0] ?? '');
  // Options of the prefix can have values.
  const isCommand = (index: number) => index === 0 || (isPrefix && (index === 1 || isOption(words[index - 2])));
  const index = words.findIndex((word, index) => names.has(word.replace(/^.*\//, '')) && isCommand(index));
  return index === -1 ? undefined : words.slice(index);
}

/** Returns the error in a command line, or undefined. */
export function mistakeIn([name = '', ...args]: readonly string[]): string | undefined {
  const { plan42, runner, configScreen } = loadPrograms();
  const program = { plan42, 'plan42-runner': runner, 'plan42-runner-config': configScreen }[name.replace(/^.*\//, '')];
  if (program === undefined) return `unknown program ${name}`;
  // These two pass their arguments to another program.
  const delegates = { exec: 'plan42-runner', config: 'plan42-runner-config' };
  const [group, command = '', ...others] = args;
  if (program === plan42 && group === 'runner' && command === 'exec') return mistakeIn([delegates.exec, ...others]);
  const isScreen = command === 'config' && (others[0] === undefined || others[0].startsWith('-'));
  if (program === plan42 && group === 'runner' && isScreen && !others.includes('--help'))
    return mistakeIn([delegates.config, ...others]);
  let message: string | undefined;
  forEachCommand(program, (each) => {
    each.exitOverride((error) => {
      if (error.exitCode !== 0) message = error.message;
      throw error;
    });
    if (each.commands.length === 0) each.action(() => {});
  });
  try {
    program.parse(args, { from: 'user' });
    return undefined;
  } catch {
    return message;
  }
}

/** The same for a command in the text: arguments may be missing, and `…` matches anything. */
export function mistakeInMention([name = '', ...words]: readonly string[]): string | undefined {
  const { plan42, runner, configScreen } = loadPrograms();
  let command: Command | undefined = { plan42, 'plan42-runner': runner, 'plan42-runner-config': configScreen }[name];
  let isArgument = false;
  for (const word of words) {
    if (command === undefined || word.startsWith('…')) return undefined;
    const isFlag = word.startsWith('-');
    if (isFlag && !hasOption(command, word)) return `${command.name()} has no option ${word}`;
    if (isFlag || isArgument) continue;
    const next: Command | undefined = command.commands.find((each) => word.split('|').includes(each.name()));
    if (next === undefined && command.commands.length > 0) return `${command.name()} has no command ${word}`;
    if (next === undefined) isArgument = true;
    else command = next;
  }
  return command === undefined ? `unknown program ${name}` : undefined;
}

function hasOption(command: Command, word: string): boolean {
  const flags = word.split('=')[0]?.split('/') ?? [];
  // "exec" and "config" accept the options of another program.
  if (['exec', 'config'].includes(command.name())) return true;
  return flags.every(
    (flag) =>
      ['-h', '--help'].includes(flag) || command.options.some(({ long, short }) => flag === long || flag === short),
  );
}

function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const subcommand of command.commands) forEachCommand(subcommand, visit);
}

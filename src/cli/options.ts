import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { expandHome, homeRemedy } from '../lib/home-path.ts';

/** An option parser for whole numbers from `min` to `max`. */
export function integerBetween(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** An option parser for a number of lines, or `all`. */
function lineCount(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number, or "all".');
}

/** An option parser for files and folders. Rejects an empty text, the usual result of an unset variable. */
export function resolvedPath(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.');
  const path = expandHome(text);
  if (path === undefined) throw new InvalidArgumentError(`${homeRemedy(text)}.`);
  return resolve(path);
}

/** An option parser for files of which `-` is standard input. */
export function inputPath(text: string): string {
  return text === '-' ? text : resolvedPath(text);
}

/** An option parser for repeatable options. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** An option parser for the URL of a server. */
export function httpUrl(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return text;
  throw new InvalidArgumentError('It must be a URL such as https://plan42.example.com.');
}

/** Examples for the end of a command's help, one per line. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`.trimEnd();
}

/** Adds `--no-color`, which `wantsColor` looks for. Not for commands that pass their options to another program. */
export function withColorOption(command: Command): Command {
  return command.option('--no-color', 'disable colours');
}

/** Adds the options of the commands that show a log. */
export function addLogOptions(command: Command): Command {
  return command
    .option('-f, --follow', 'wait for new lines')
    .option('-n, --lines <n>', 'last n lines, or "all" (default: all; 10 with -f)', lineCount)
    .option('--no-pager', 'do not use a pager');
}

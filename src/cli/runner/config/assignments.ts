import { findSetting, type Setting } from '../../../config/find-setting.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { joinWords } from '../../../lib/join-words.ts';
import { shellQuote } from '../../../lib/shell-quote.ts';
import type { CliContext } from '../../context.ts';
import { readInput } from '../../read-input.ts';

export interface SettingAssignment {
  setting: Setting;
  text: string;
}

/**
 * Parses `key value`, or any number of `key=value`. The value of a key alone is read from `fromFile` or standard input.
 * Secrets must be given that way, because all users of the machine can see command lines.
 * @throws UserError (exit code 2)
 */
export async function readAssignments(
  context: CliContext,
  args: readonly string[],
  fromFile: string | undefined,
): Promise<SettingAssignment[]> {
  const assignments: SettingAssignment[] = [];
  const alone: Setting[] = [];
  for (const { name, value } of split(args)) {
    const setting = findSetting(name);
    if (value === undefined) alone.push(setting);
    else if (setting.field.secret) throw secretInArguments(setting);
    else assignments.push({ setting, text: value });
  }
  const [setting, second] = alone;
  if (second !== undefined) {
    throw usage(`missing values for ${joinWords(alone.map(({ name }) => name))}`, 'Set them one at a time.');
  }
  if (setting !== undefined) assignments.push({ setting, text: await readValue(context, setting, fromFile) });
  else if (fromFile !== undefined)
    throw usage('--from-file requires a setting without a value', 'Name a setting without a value.');
  return assignments;
}

function split(args: readonly string[]): { name: string; value?: string }[] {
  const [first = '', second] = args;
  if (args.length === 2 && second !== undefined && indexOfEquals(first) === -1 && !isAssignment(second)) {
    return [{ name: first, value: second }];
  }
  return args.map((arg) => {
    const equals = indexOfEquals(arg);
    return equals === -1 ? { name: arg } : { name: arg.slice(0, equals), value: arg.slice(equals + 1) };
  });
}

/** The end of the key. A name in quotes, such as that of a model, may contain the character. */
function indexOfEquals(arg: string): number {
  const key = /^(?:[^"'=]|"(?:[^"\\]|\\.)*"|'[^']*')*=/.exec(arg)?.[0];
  return key === undefined ? arg.indexOf('=') : key.length - 1;
}

function isAssignment(arg: string): boolean {
  return /^[a-z]+\.[^=]+=/.test(arg);
}

function secretInArguments({ name }: Setting): UserError {
  return usage(
    `${name} is a secret, and other users can see command lines`,
    `Pipe it in: "… | plan42 runner config set ${shellQuote(name)}". Or use --from-file.`,
  );
}

async function readValue({ stdin, signal }: CliContext, { name, field }: Setting, path: string | undefined) {
  const remedy = field.secret
    ? `Pipe it in: "… | plan42 runner config set ${shellQuote(name)}". Or use --from-file.`
    : `Run "plan42 runner config set ${shellQuote(name)} VALUE", or use --from-file.`;
  if (path === undefined && (stdin.isTTY || !field.secret)) throw usage(`missing value for ${name}`, remedy);
  const fileRemedy = 'Choose a readable file that contains only the value.';
  const content = await readInput({ stdin, signal }, path ?? '-', `the value for ${name}`, fileRemedy);
  // Files and "echo" end with a line break. Other white space is not removed: two keys would become one.
  const value = content.trim();
  if (value === '') throw emptyValue(name);
  return value;
}

/** The value of a setting that must not be empty is empty. */
export function emptyValue(name: string): UserError {
  return usage(
    `the value for ${name} is empty`,
    `Check that the command or file that provides it works. To remove the setting: "plan42 runner config unset ${shellQuote(name)}".`,
  );
}

function usage(message: string, remedy: string): UserError {
  return new UserError(message, { remedy, exitCode: ExitCode.usage });
}

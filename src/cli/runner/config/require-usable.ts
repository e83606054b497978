import type { ConfigFile } from '../../../config/edit-file.ts';
import { findSetting } from '../../../config/find-setting.ts';
import { boolean } from '../../../config/kinds.ts';
import { type ParsedConfig, parseConfig } from '../../../config/parse.ts';
import { missingForRuntime } from '../../../config/runtime-settings.ts';
import { renderKey } from '../../../config/toml/render.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { shellQuote } from '../../../lib/shell-quote.ts';
import type { SettingAssignment } from './assignments.ts';
import type { ConfigLocation } from './location.ts';

/** The arguments of `config set` or `config unset`. */
export type GivenChange = ConfigLocation &
  ({ type: 'set'; assignments: readonly SettingAssignment[] } | { type: 'unset'; names: readonly string[] });

interface Mistake {
  message: string;
  /** The path of a setting that is missing. */
  missing?: readonly string[] | undefined;
  /** The path of the setting or table that needs it. */
  neededFor?: readonly string[] | undefined;
}

/**
 * Runners that start with `before` must start with `content`. Errors that the file has already do not count.
 * @throws UserError (exit code 3) with a command that is accepted
 */
export function requireUsable(before: ConfigFile, content: string, env: NodeJS.ProcessEnv, given: GivenChange): void {
  const old = parseConfig({ file: before.content, env, flags: new Map() });
  const parsed = parseConfig({ file: content, env, flags: new Map() });
  const mistakes = [...newMistakes(old, parsed), ...missingSetting(old, parsed)];
  const [first] = mistakes;
  if (first === undefined) return;
  throw new UserError(`no runner can start with this change: ${first.message}`, {
    remedy: `Nothing was saved. ${remedyFor(mistakes, first, given)}`,
    exitCode: ExitCode.configuration,
  });
}

function newMistakes(old: ParsedConfig, { problems }: ParsedConfig): Mistake[] {
  const known = new Set(old.problems.map(({ message }) => message));
  return problems
    .filter(({ severity, message }) => severity === 'error' && !known.has(message))
    .map(({ message, missing }) => ({ message, missing, neededFor: missing?.slice(0, -1) }));
}

/** A file without a token, or with another error, may be completed in several steps. */
function missingSetting(old: ParsedConfig, { config }: ParsedConfig): Mistake[] {
  const couldStart =
    config.runner.token &&
    old.config.runner.token &&
    missingForRuntime(old.config) === undefined &&
    old.problems.every(({ severity }) => severity !== 'error');
  const missing = couldStart ? missingForRuntime(config) : undefined;
  return missing === undefined
    ? []
    : [{ message: missing.reason, missing: missing.path, neededFor: missing.neededFor }];
}

function remedyFor(mistakes: readonly Mistake[], { missing, neededFor = [] }: Mistake, given: GivenChange): string {
  const needed = renderKey(neededFor);
  const command = (verb: string, words: readonly string[]) => {
    const option = given.configFile === undefined ? [] : ['-c', shellQuote(given.configFile)];
    return ['plan42 runner config', verb, ...words, ...option].join(' ');
  };
  const remove = (names: readonly string[]) => command('unset', names.map(shellQuote));
  if (missing === undefined) return 'Correct the file with an editor.';
  if (given.type === 'unset') {
    const others = given.names.filter((name) => name !== needed && !name.startsWith(`${needed}.`));
    return `To remove ${needed} as well: ${remove([...others, needed])}`;
  }
  const names = new Set(given.assignments.map(({ setting }) => renderKey(setting.path)));
  const absent = mistakes.flatMap((mistake) => (mistake.missing === undefined ? [] : [mistake.missing]));
  if (absent.some((path) => names.has(renderKey(path))))
    return `Choose another value, or remove ${needed}: ${remove([needed])}`;
  const words = [...given.assignments.map(writtenAs), ...absent.map(placeholder)];
  return `Set all of it at once: ${command('set', words)}`;
}

function writtenAs({ setting, text }: SettingAssignment): string {
  return shellQuote(setting.field.secret ? setting.name : `${setting.name}=${text}`);
}

function placeholder(path: readonly string[]): string {
  const { name, field } = findSetting(renderKey(path));
  const value = field.kind === boolean ? 'true' : field.key.toUpperCase();
  return shellQuote(field.secret ? name : `${name}=${value}`);
}

import { checkRunnerToken, checkServerUrl } from '../../../checks/runner-settings.ts';
import { type ConfigChange, type ConfigFile, changeConfigFile } from '../../../config/edit-file.ts';
import { InvalidValue } from '../../../config/kinds.ts';
import { parseConfig } from '../../../config/parse.ts';
import type { Edit } from '../../../config/toml/edit.ts';
import { editSettings } from '../../../config/url-change.ts';
import { readCaFile } from '../../../lib/ca-file.ts';
import { systemClock } from '../../../lib/clock.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import type { CliContext } from '../../context.ts';
import { emptyValue, readAssignments, type SettingAssignment } from './assignments.ts';
import { type ConfigLocation, configFilePath } from './location.ts';
import { reportChange } from './report-change.ts';
import { requireUsable } from './require-usable.ts';
import { hiddenByEnvironment } from './setting-value.ts';

export interface SetOptions extends ConfigLocation {
  fromFile?: string;
  json?: boolean;
}

/** Sets all of the settings or none. */
export async function setSettings(context: CliContext, args: readonly string[], options: SetOptions): Promise<void> {
  const { env, signal } = context;
  const path = configFilePath(options, env);
  const assignments = await readAssignments(context, args, options.fromFile);
  const edits = assignments.map(editFor);
  const edit = (file: ConfigFile) => {
    const content = editSettings(file.content ?? '', edits);
    requireUsable(file, content, env, { type: 'set', assignments, ...options });
    return content;
  };
  const change = await changeConfigFile(path, edit, signal);
  const settings = assignments.map(({ setting }) => setting);
  const warnings = [...newWarnings(change), ...hiddenByEnvironment(settings, env)];
  const names = settings.map(({ name }) => name);
  await reportChange(context, { ...change, edits, names, warnings, json: options.json ?? false });
}

function editFor({ setting, text }: SettingAssignment): Edit {
  const { name, path, field } = setting;
  if (name === 'runner.token') checkRunnerToken(text, systemClock.date());
  if (name === 'runner.url' && text !== '') checkServerUrl(text);
  try {
    field.kind.fromText(text);
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    if (text === '') throw emptyValue(name);
    const remedy = `Allowed values: ${field.kind.notation}.`;
    throw new UserError(`${name} is ${error.message}`, { remedy, exitCode: ExitCode.configuration });
  }
  const isList = Array.isArray(field.kind.toToml(text));
  requireOneLine(name, text, { mayBreak: isList && text.trimStart().startsWith('[') });
  // Without the file a runner does not start, or rejects jobs.
  if (name.endsWith('.ca_file') && text !== '') readCaFile(text, name);
  return { type: 'set', path, value: field.kind.toToml(text) };
}

/** Of two lines, one may be meant, or both; only lists in the form of the file may have several. */
function requireOneLine(name: string, text: string, { mayBreak }: { mayBreak: boolean }): void {
  if (mayBreak || !/[\r\n]/.test(text)) return;
  throw new UserError(`the value for ${name} has more than one line`, {
    remedy: 'Give only the value, on one line.',
    exitCode: ExitCode.configuration,
  });
}

/** Problems that the change has introduced. */
function newWarnings({ before, after }: ConfigChange): string[] {
  const problemsOf = ({ content }: ConfigFile) => parseConfig({ file: content, env: {}, flags: new Map() }).problems;
  const known = new Set(problemsOf(before).map(({ message }) => message));
  return problemsOf(after)
    .map(({ message }) => message)
    .filter((message) => !known.has(message));
}

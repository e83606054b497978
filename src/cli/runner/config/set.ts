import { readConfigFile, saveConfigFile } from '../../../config/config-file.ts';
import { type Edit, editToml } from '../../../config/edit.ts';
import { InvalidValue } from '../../../config/kinds.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { checkRunnerToken, checkServerUrl } from '../../../tui/checks/runner-settings.ts';
import { howToApply } from '../../../tui/how-to-apply.ts';
import { changeOfUrl } from '../../../tui/url-change.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { printableLine } from '../../printable.ts';
import { type Assignment, readAssignments } from './assignments.ts';
import { type ConfigLocation, configFilePath } from './location.ts';

export interface SetOptions extends ConfigLocation {
  fromFile?: string;
  json?: boolean;
}

/** Sets all of them or none. */
export async function setSettings(context: CliContext, args: readonly string[], options: SetOptions): Promise<void> {
  const path = configFilePath(options, context.env);
  const assignments = await readAssignments(context, args, options.fromFile);
  const edits = assignments.map(editFor);
  const file = await readConfigFile(path);
  const content = editToml(file.content ?? '', [...changeOfUrl(file.content ?? '', edits), ...edits]);
  const changed = content !== file.content;
  if (changed) await saveConfigFile(file, content);
  const names = assignments.map(({ setting }) => setting.name);
  await reportChange(context, { path, changed, names, json: options.json ?? false });
}

function editFor({ setting, text }: Assignment): Edit {
  const { name, path, field } = setting;
  if (name === 'runner.token') checkRunnerToken(text);
  if (name === 'runner.url') checkServerUrl(text);
  try {
    field.kind.fromText(text);
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    const remedy = `It takes: ${field.kind.notation}.`;
    throw new UserError(`${name} is ${error.message}`, { remedy, exitCode: ExitCode.configuration });
  }
  return { type: 'set', path, value: field.kind.toToml(text) };
}

interface Change {
  path: string;
  changed: boolean;
  names: readonly string[];
  json: boolean;
}

/** Of `set` and `unset`: JSON for programs (docs/schemas/runner-config-set.json), a line on standard error for people. */
export async function reportChange(context: CliContext, { path, changed, names, json }: Change): Promise<void> {
  if (json) await print(context.stdout, renderJson({ configFile: path, changed, keys: names }), context.signal);
  else context.stderr.write(changed ? `Saved ${printableLine(path)}. ${howToApply(names)}\n` : 'Nothing changed.\n');
}

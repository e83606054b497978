import { type ConfigChange, type ConfigFile, changeConfigFile } from '../../../config/edit-file.ts';
import { collectionOf, findSetting, namedTable } from '../../../config/find-setting.ts';
import { parseConfig } from '../../../config/parse.ts';
import type { Edit } from '../../../config/toml/edit.ts';
import { renderKey } from '../../../config/toml/render.ts';
import { editSettings } from '../../../config/url-change.ts';
import type { CliContext } from '../../context.ts';
import { type ConfigLocation, configFilePath } from './location.ts';
import { reportChange } from './report-change.ts';
import { requireUsable } from './require-usable.ts';
import { tableNames } from './setting-value.ts';

export interface UnsetOptions extends ConfigLocation {
  json?: boolean;
}

/** Removes a setting, or a whole table, such as `github.my-github` or `runner.model_mappings`, from the file, and keeps comments. */
export async function unsetSettings(
  context: CliContext,
  names: readonly string[],
  options: UnsetOptions,
): Promise<void> {
  const editsFor = (file: ConfigFile) => names.map((name) => editFor(name, file));
  const edit = (file: ConfigFile) => {
    const content = editSettings(file.content ?? '', editsFor(file));
    requireUsable(file, content, context.env, { type: 'unset', names, ...options });
    return content;
  };
  const change = await changeConfigFile(configFilePath(options, context.env), edit, context.signal);
  const edits = editsFor(change.before);
  const warnings = missingToken(change, context.env);
  await reportChange(context, { ...change, edits, names, warnings, json: options.json ?? false });
}

/** The token may be removed, because the environment of the runner may have one. */
function missingToken({ before, after }: ConfigChange, env: NodeJS.ProcessEnv): string[] {
  const hasToken = ({ content }: ConfigFile) =>
    Boolean(parseConfig({ file: content, env, flags: new Map() }).config.runner.token);
  if (!hasToken(before) || hasToken(after)) return [];
  return ['runner.token is not set now: no runner starts without PLAN42_RUNNER_TOKEN in its environment'];
}

function editFor(name: string, file: ConfigFile): Edit {
  // Quotes are never part of a name that is given without quotes.
  const isPlain = !/["']/.test(name);
  const named = (path: readonly string[]) => name === renderKey(path) || (isPlain && name === path.join('.'));
  const tables = Object.entries(tableNames(file)).flatMap(([table, names]) =>
    names.map((own) => [...table.split('.'), own]),
  );
  const path = tables.find(named) ?? collectionOf(name) ?? namedTable(name) ?? findSetting(name).path;
  return { type: 'unset', path };
}

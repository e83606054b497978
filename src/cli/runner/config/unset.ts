import { readConfigFile, saveConfigFile } from '../../../config/config-file.ts';
import { type Edit, editToml } from '../../../config/edit.ts';
import { findSetting } from '../../../config/setting.ts';
import { changeOfUrl } from '../../../tui/url-change.ts';
import type { CliContext } from '../../context.ts';
import { type ConfigLocation, configFilePath } from './location.ts';
import { reportChange } from './set.ts';
import { connectionNames } from './setting-value.ts';

export interface UnsetOptions extends ConfigLocation {
  json?: boolean;
}

/** Takes a setting, or a whole connection (`github.my-github`), out of the file; comments stay. */
export async function unsetSettings(
  context: CliContext,
  names: readonly string[],
  options: UnsetOptions,
): Promise<void> {
  const file = await readConfigFile(configFilePath(options, context.env));
  const source = file.content ?? '';
  const connections = connectionNames(file);
  const edits = names.map((name): Edit => {
    const connection = connections.find((candidate) => name === `github.${candidate}`);
    return { type: 'unset', path: connection === undefined ? findSetting(name).path : ['github', connection] };
  });
  const content = editToml(source, [...changeOfUrl(source, edits), ...edits]);
  const changed = content !== source;
  if (changed) await saveConfigFile(file, content);
  await reportChange(context, { path: file.path, changed, names, json: options.json ?? false });
}

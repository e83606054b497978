import { type ConfigFile, changeConfigFile } from '../../../config/edit-file.ts';
import { connectionNamed, findSetting } from '../../../config/find-setting.ts';
import type { Edit } from '../../../config/toml/edit.ts';
import { renderKey } from '../../../config/toml/render.ts';
import { editSettings } from '../../../config/url-change.ts';
import type { CliContext } from '../../context.ts';
import { type ConfigLocation, configFilePath } from './location.ts';
import { reportChange } from './report-change.ts';
import { connectionNames } from './setting-value.ts';

export interface UnsetOptions extends ConfigLocation {
  json?: boolean;
}

/** Removes a setting, or a whole connection (`github.my-github`), from the file, and keeps comments. */
export async function unsetSettings(
  context: CliContext,
  names: readonly string[],
  options: UnsetOptions,
): Promise<void> {
  const editsFor = (file: ConfigFile) => names.map((name) => editFor(name, connectionNames(file)));
  const change = await changeConfigFile(
    configFilePath(options, context.env),
    (file) => editSettings(file.content ?? '', editsFor(file)),
    context.signal,
  );
  const edits = editsFor(change.before);
  await reportChange(context, { ...change, edits, names, warnings: [], json: options.json ?? false });
}

function editFor(name: string, connections: readonly string[]): Edit {
  const connection =
    connections.find((candidate) => name === `github.${candidate}` || name === renderKey(['github', candidate])) ??
    connectionNamed(name);
  return { type: 'unset', path: connection === undefined ? findSetting(name).path : ['github', connection] };
}

import { type ConfigFile, ConfigFileChanged, readConfigFile, saveConfigFile } from '../../config/config-file.ts';
import { editToml } from '../../config/edit.ts';
import { defaultPaths } from '../../config/paths.ts';
import { renderKey } from '../../config/toml-text.ts';
import { applyConfig } from '../../control/apply-config.ts';
import { describeError, UserError } from '../../lib/errors.ts';
import { readForm } from '../form.ts';
import type { Effect, Event } from '../state/state.ts';
import { changeOfUrl } from '../url-change.ts';
import type { EffectContext } from './context.ts';

export interface FileResult {
  /** As it is now. */
  file: ConfigFile;
  event: Event;
}

/**
 * Writes the edits into the file, unless somebody else has written it since it was read, and has a running runner take
 * them over.
 */
export async function save(
  { edits, goal }: Effect & { type: 'save' },
  { file, env }: Pick<EffectContext, 'file' | 'env'>,
): Promise<FileResult> {
  try {
    const before = file.content ?? '';
    const content = editToml(before, [...changeOfUrl(before, edits), ...edits]);
    if (content === before && file.content !== undefined) {
      const base = readForm(file);
      return { file, event: { type: 'saved', base, changed: false, goal, message: 'Nothing was changed.' } };
    }
    const saved = await saveConfigFile(file, content);
    const names = edits.map(({ path }) => renderKey(path));
    const applied = await applyConfig({ configFile: file.path, stateDir: defaultPaths(env).stateDir, names });
    const message = `Saved ${file.path}. ${applied.message}`;
    return { file: saved, event: { type: 'saved', base: readForm(saved), changed: true, goal, message } };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const conflict = error instanceof ConfigFileChanged;
    return { file, event: { type: 'not-saved', message: sentence(error), conflict } };
  }
}

export async function reload(file: ConfigFile): Promise<FileResult> {
  try {
    const read = await readConfigFile(file.path);
    return { file: read, event: { type: 'reloaded', base: readForm(read) } };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { file, event: { type: 'not-saved', message: sentence(error), conflict: false } };
  }
}

function sentence(error: UserError): string {
  return `${describeError(error)}. ${error.remedy ?? ''}`.trim();
}

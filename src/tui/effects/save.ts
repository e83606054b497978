import {
  type ConfigFile,
  ConfigFileChanged,
  mistakesIn,
  mistakesNote,
  readConfigFile,
  saveConfigFile,
} from '../../config/edit-file.ts';
import { defaultPaths } from '../../config/paths.ts';
import { renderKey } from '../../config/toml/render.ts';
import { changeOfUrl, editSettings, urlChangeNote } from '../../config/url-change.ts';
import { applyConfig } from '../../control/apply-config.ts';
import { formatError, UserError } from '../../lib/errors.ts';
import { readForm } from '../form.ts';
import type { Effect, Event } from '../state/state.ts';
import type { EffectContext } from './context.ts';

export interface FileResult {
  /** After the effect. */
  file: ConfigFile;
  event: Event;
}

/**
 * Writes the edits into the file, unless another program has changed it since it was read, and makes a running runner
 * reload it.
 */
export async function save(
  { edits, goal, note }: Effect & { type: 'save' },
  { file, env }: Pick<EffectContext, 'file' | 'env'>,
): Promise<FileResult> {
  try {
    const before = file.content ?? '';
    const content = editSettings(before, edits);
    if (content === before && file.content !== undefined) {
      const message = sentences('Nothing was changed.', mistakesNote(mistakesIn(file)), note);
      return { file, event: { type: 'saved', base: readForm(file), changed: false, goal, message } };
    }
    const saved = await saveConfigFile(file, content);
    const names = edits.map(({ path }) => renderKey(path));
    const applied = await applyConfig({ before: file, after: saved, stateDir: defaultPaths(env).stateDir, names });
    const message = sentences(
      `Saved ${file.path}.`,
      applied.message,
      changeOfUrl(before, edits).length > 0 ? `${urlChangeNote}.` : undefined,
      note,
    );
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

function sentences(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(' ');
}

function sentence(error: UserError): string {
  return `${formatError(error)}. ${error.remedy ?? ''}`.trim();
}

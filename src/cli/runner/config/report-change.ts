import type { ConfigChange } from '../../../config/edit-file.ts';
import { mistakesIn } from '../../../config/edit-file.ts';
import { defaultPaths } from '../../../config/paths.ts';
import type { Edit } from '../../../config/toml/edit.ts';
import { changeOfUrl, urlChangeNote } from '../../../config/url-change.ts';
import { applyConfig } from '../../../control/apply-config.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';

export interface ReportedChange extends ConfigChange {
  edits: readonly Edit[];
  /** The changed settings. */
  names: readonly string[];
  /** Sentences without a full stop. */
  warnings: readonly string[];
  json: boolean;
}

/**
 * Makes a running runner reload the file, and reports the change: as JSON (docs/schemas/runner-config-set.json), or in a
 * line on standard error.
 */
export async function reportChange(context: CliContext, change: ReportedChange): Promise<void> {
  const { env, stdout, stderr, signal, platform } = context;
  const { before, after, edits, names, json } = change;
  const changed = after.content !== before.content;
  const isUrlOther = changeOfUrl(before.content ?? '', edits).length > 0 && !names.includes('runner.skip_ssl_verify');
  const warnings = [...change.warnings, ...(isUrlOther ? [urlChangeNote] : [])];
  const { stateDir } = defaultPaths(env, platform);
  const applied = changed ? await applyConfig({ before, after, stateDir, names, signal }) : undefined;
  if (json) {
    const runner = applied?.outcome ?? null;
    const allWarnings = [...warnings, ...mistakesIn(after)];
    await print(
      stdout,
      renderJson({ configFile: after.path, changed, keys: names, runner, warnings: allWarnings }),
      signal,
    );
    return;
  }
  const done = applied === undefined ? 'Nothing changed.' : `Saved ${after.path}. ${applied.message}`;
  stderr.write(`${printableLine(done)}\n`);
  for (const warning of warnings) stderr.write(`WARNING: ${printableLine(warning)}.\n`);
}

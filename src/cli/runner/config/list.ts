import { allSettings } from '../../../config/find-setting.ts';
import { parseConfig, renderProblem } from '../../../config/parse.ts';
import { permissionWarnings } from '../../../config/read-file.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson, terminalWidth } from '../../output.ts';
import { renderTable } from '../../table.ts';
import type { ConfigLocation } from './location.ts';
import { readConfigToShow } from './read-to-show.ts';
import { hiddenByEnvironment, isInFile, plainValue, settingReader, showSetting, tableNames } from './setting-value.ts';

export interface ListSettingsOptions extends ConfigLocation {
  all?: boolean;
  json?: boolean;
  showSecrets?: boolean;
}

/** Lists the settings that are set, or all of them with `all` or `json`. Prints problems of the file on standard error. */
export async function listSettings(context: CliContext, options: ListSettingsOptions): Promise<void> {
  const { stdout, stderr, env, signal } = context;
  const file = await readConfigToShow(context, options);
  const read = settingReader(file, env);
  const settings = allSettings(tableNames(file));
  const values = settings.map(read).map((value) => showSetting(value, options.showSecrets ?? false));
  const { problems } = parseConfig({ file: file.content, env, flags: new Map() });
  for (const problem of problems) {
    const label = problem.severity === 'error' ? 'ERROR' : 'WARNING';
    stderr.write(`${label}: ${printableLine(renderProblem(file.path, problem))}\n`);
  }
  const inFile = settings.filter(({ path }) => isInFile(file, path));
  for (const warning of [...(await permissionWarnings(file.path)), ...hiddenByEnvironment(inFile, env)]) {
    stderr.write(`WARNING: ${printableLine(warning)}\n`);
  }
  if (options.json) return print(stdout, renderJson({ configFile: file.path, settings: values }), signal);
  const shown = values.filter((setting) => options.all || setting.origin !== 'default');
  if (shown.length === 0) {
    stderr.write(`No settings in ${file.path}. Run "plan42 runner config list --all" for the defaults.\n`);
    return;
  }
  const table = renderTable(
    shown,
    [
      { title: 'KEY', cell: (setting) => printableLine(setting.key) },
      { title: 'VALUE', cell: (setting) => printableLine(plainValue(setting)), flexible: true },
      { title: 'FROM', cell: (setting) => setting.origin },
    ],
    terminalWidth(stdout),
  );
  await print(stdout, table, signal);
}

import { findSetting } from '../../../config/find-setting.ts';
import { UserError } from '../../../lib/errors.ts';
import { printable } from '../../../lib/printable.ts';
import { shellQuote } from '../../../lib/shell-quote.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import type { ConfigLocation } from './location.ts';
import { readConfigToShow } from './read-to-show.ts';
import { plainValue, settingReader, showSetting } from './setting-value.ts';

export interface GetOptions extends ConfigLocation {
  json?: boolean;
  showSecrets?: boolean;
}

/** Prints the effective value: from the environment, the file, or the default. */
export async function getSetting(context: CliContext, name: string, options: GetOptions): Promise<void> {
  const { stdout, env, signal } = context;
  const setting = findSetting(name);
  const file = await readConfigToShow(context, options);
  const shown = showSetting(settingReader(file, env)(setting), options.showSecrets ?? false);
  if (!shown.isSet) {
    throw new UserError(`${name} is not set in ${file.path}`, {
      remedy: `Set it with "plan42 runner config set ${shellQuote(name)}${setting.field.secret ? '", which reads standard input' : ' VALUE"'}.`,
    });
  }
  await print(stdout, options.json ? renderJson(shown) : `${printable(plainValue(shown))}\n`, signal);
}

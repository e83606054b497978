import { stat } from 'node:fs/promises';
import { ExitCode, errorCode, formatError, UserError } from '../../../../lib/errors.ts';
import { shellQuote } from '../../../../lib/shell-quote.ts';
import type { CheckContext } from '../check.ts';
import { combine, type Finding, failed, ok, warning } from '../finding.ts';

/** Found, without mistakes, without unknown keys, for its owner only. */
export async function checkConfiguration({ loadConfig, paths }: CheckContext): Promise<Finding> {
  const path = paths.configFile;
  try {
    const { found, warnings } = await loadConfig();
    if (!found) {
      const found = `there is no ${path}, so defaults and the environment are used`;
      return warning(found, {
        text: 'Make one, with a token from the server.',
        command: `plan42 runner config -c ${shellQuote(path)}`,
      });
    }
    const [first, ...others] = [
      ...(await permissions(path)),
      // Permissions are reported with the command to run.
      ...warnings.filter((text) => !text.startsWith(`${path} holds tokens`)).map(unclear(path)),
    ];
    return first === undefined ? ok(`${path} has no mistakes`) : combine([first, ...others]);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return failed(formatError(error), { text: error.remedy ?? `Correct ${path}.` }, ExitCode.configuration);
  }
}

const unclear = (path: string) => (text: string) => warning(text, { text: `Correct or remove it in ${path}.` });

async function permissions(path: string): Promise<Finding[]> {
  try {
    const mode = (await stat(path)).mode & 0o777;
    if ((mode & 0o077) === 0) return [];
    const found = `${path} holds tokens and others can use it (mode ${mode.toString(8).padStart(4, '0')})`;
    return [warning(found, { text: 'Keep it to yourself.', command: `chmod 600 ${shellQuote(path)}` })];
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

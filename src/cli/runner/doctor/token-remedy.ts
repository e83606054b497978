import { shellQuote } from '../../../lib/shell-quote.ts';
import { tokenVariable } from '../../../service/definition.ts';
import type { CheckContext } from './check.ts';
import type { Remedy } from './finding.ts';

/** How a person puts another token where the runner takes it from. `what` begins the sentence, such as "Get a new one". */
export function tokenRemedy(what: string, { env, paths: { configFile } }: Pick<CheckContext, 'env' | 'paths'>): Remedy {
  if (env[tokenVariable]) return { text: `${what} and set ${tokenVariable} to it, which beats the file.` };
  return { text: `${what} and paste it on the screen.`, command: `plan42 runner config -c ${shellQuote(configFile)}` };
}

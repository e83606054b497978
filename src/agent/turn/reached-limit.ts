import * as v from 'valibot';
import { tryParseJson } from '../../lib/json.ts';
import { readText } from '../../lib/read-file.ts';
import { TurnFailure } from '../failures.ts';

const Limits = v.object({ reached: v.string(), reason: v.pipe(v.string(), v.maxLength(1000)) });

/** The failure of a turn whose job is stopped at a limit, from the file that the runner keeps. Undefined if it is not. */
export async function readReachedLimit(env: NodeJS.ProcessEnv): Promise<TurnFailure | undefined> {
  const path = env['PLAN42_LIMITS'] ?? '';
  const content = path === '' ? '' : await readText(path).catch(() => '');
  const parsed = v.safeParse(Limits, tryParseJson(content));
  return parsed.success ? new TurnFailure(`The agent was stopped at a limit: ${parsed.output.reason}.`) : undefined;
}

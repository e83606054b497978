import { type Dispatcher, request } from 'undici';
import * as v from 'valibot';
import { parseJson } from '../../../lib/json.ts';
import { readText } from '../../../lib/read-body.ts';
import { trimEnd } from '../../../lib/trim-end.ts';

const Health = v.object({ problems: v.array(v.string()) });

const maxBytes = 64 * 1024;

/** Returns why the server cannot save data; undefined if it can, or does not say. */
export async function readProblem(
  url: string,
  { transport, signal }: { transport: Dispatcher; signal: AbortSignal },
): Promise<string | undefined> {
  try {
    const { body } = await request(`${trimEnd(url, '/')}/health`, { dispatcher: transport, signal });
    return v.parse(Health, parseJson(await readText(body, maxBytes))).problems[0];
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

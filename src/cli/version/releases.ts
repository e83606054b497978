/** The newest release, from GitHub's API. */
import { type Dispatcher, request } from 'undici';
import * as v from 'valibot';
import { parseJson } from '../../lib/json.ts';
import { readText } from '../../lib/read-body.ts';

const maxWaitMs = 3_000;
const maxResponseBytes = 1024 * 1024;

const Release = v.object({
  tag_name: v.pipe(v.string(), v.regex(/^v?\d[\w.-]*$/)),
  // Normalised, so that it cannot contain control characters.
  html_url: v.pipe(
    v.string(),
    v.url(),
    v.startsWith('https://'),
    v.transform((url) => new URL(url).href),
  ),
});

export interface NewestRelease {
  version: string;
  url: string;
}

/** Undefined if the request fails: a machine without network is not an error. */
export async function findNewestRelease(
  url: string,
  { transport, signal }: { transport: Dispatcher; signal: AbortSignal },
): Promise<NewestRelease | undefined> {
  try {
    const { statusCode, body } = await request(url, {
      dispatcher: transport,
      headers: { accept: 'application/vnd.github+json', 'user-agent': 'plan42' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(maxWaitMs)]),
    });
    if (statusCode !== 200) {
      await body.dump();
      return undefined;
    }
    const { tag_name, html_url } = v.parse(Release, parseJson(await readText(body, maxResponseBytes)));
    return { version: tag_name.replace(/^v/, ''), url: html_url };
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

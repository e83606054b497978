/** The tokens of the listing messages: raw base64url (without padding) of a JSON object, opaque to callers. */
import * as v from 'valibot';
import { knownFields } from '../plan42/fields.ts';
import { GithubError } from './errors.ts';

const PageToken = knownFields({ Page: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))) });

/** `page` undefined stands for the page after GitHub's last one. */
export function writePageToken(page?: number): string {
  return Buffer.from(JSON.stringify({ Page: page })).toString('base64url');
}

/** Returns the page to fetch: 1 without a token, undefined for the page after GitHub's last one. @throws GithubError */
export function readPageToken(token: string | null | undefined): number | undefined {
  if (token === undefined || token === null) return 1;
  const invalid = new GithubError('invalid pagination token');
  // Node.js would ignore invalid characters.
  if (!/^[\w-]+$/.test(token)) throw invalid;
  try {
    return v.parse(PageToken, JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))).Page;
  } catch {
    throw invalid;
  }
}

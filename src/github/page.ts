import * as v from 'valibot';
import { parseJson } from '../lib/json.ts';
import { knownFields } from '../plan42/fields.ts';
import { badRequest } from './errors.ts';
import { hasLink } from './link-header.ts';
import type { ResponseHeaders } from './rate-limit.ts';

/** Parameters of every listing. */
interface PageParameters {
  MaxResults?: number | null | undefined;
  Token?: string | null | undefined;
}

/** One page of names. */
export interface NamePage {
  items: string[];
  nextToken: string | null;
  /** Why GitHub left out results. */
  incomplete?: string;
}

const defaultMaxResults = 10;

/** Returns the page size. @throws GithubError */
export function pageSizeOf({ MaxResults }: PageParameters): number {
  const size = MaxResults ?? defaultMaxResults;
  if (!Number.isInteger(size) || size < 1 || size > 100) {
    throw badRequest('maxResults must be between 1 and 100');
  }
  return size;
}

/** Returns the number of the requested page. @throws GithubError */
export function pageNumberOf({ Token }: PageParameters): number {
  const page = readPageToken(Token);
  if (page === undefined) throw badRequest('invalid pagination token');
  return page;
}

/** Returns the token of the page after `page`, if GitHub has one. */
export function nextTokenAfter(page: number, headers: ResponseHeaders): string | null {
  return hasNextPage(headers) ? writePageToken(page + 1) : null;
}

/** Whether the `Link` header (RFC 8288) names a next page. */
export function hasNextPage({ link }: ResponseHeaders): boolean {
  return hasLink(String(link ?? ''), 'next');
}

/** Returns the field's value. @throws GithubError with `message` if it is missing or empty */
export function required(value: string | null | undefined, message: string): string {
  if (!value) throw badRequest(message);
  return value;
}

// Page tokens are raw base64url (without padding) of a JSON object, opaque to callers.
const entries = { Page: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))) };
// Only an object without any field stands for the page after the last one.
const PageToken = v.pipe(knownFields(entries), v.strictObject(entries));

/** `page` undefined stands for the page after GitHub's last one. */
export function writePageToken(page?: number): string {
  return Buffer.from(JSON.stringify({ Page: page })).toString('base64url');
}

/** Returns the page to fetch: 1 without a token, undefined for the page after GitHub's last one. @throws GithubError */
export function readPageToken(token: string | null | undefined): number | undefined {
  if (token === undefined || token === null) return 1;
  const invalid = badRequest('invalid pagination token');
  // Node.js would ignore invalid characters.
  if (!/^[\w-]+$/.test(token)) throw invalid;
  try {
    return v.parse(PageToken, parseJson(Buffer.from(token, 'base64url').toString('utf8'))).Page;
  } catch {
    throw invalid;
  }
}

import { GithubError } from './errors.ts';
import { hasLink } from './link-header.ts';
import { readPageToken, writePageToken } from './page-token.ts';
import type { AnswerHeaders } from './rate-limit.ts';

/** Parameters of every listing. */
export interface PageRequest {
  maxResults?: number | null | undefined;
  token?: string | null | undefined;
}

export interface Page {
  items: string[];
  nextToken: string | null;
}

const defaultMaxResults = 10;

/** Returns the page size. @throws GithubError */
export function pageSizeOf({ maxResults }: PageRequest): number {
  const size = maxResults ?? defaultMaxResults;
  if (!Number.isInteger(size) || size < 1 || size > 100) {
    throw new GithubError('maxResults must be between 1 and 100');
  }
  return size;
}

/** Which of GitHub's pages is asked for. @throws GithubError */
export function pageNumberOf({ token }: PageRequest): number {
  const page = readPageToken(token);
  if (page === undefined) throw new GithubError('invalid pagination token');
  return page;
}

/** The token of the page after `page`, if GitHub has one. */
export function nextTokenAfter(page: number, headers: AnswerHeaders): string | null {
  return hasNextPage(headers) ? writePageToken(page + 1) : null;
}

/** Whether the `Link` header (RFC 8288) names a next page. */
export function hasNextPage({ link }: AnswerHeaders): boolean {
  return hasLink(String(link ?? ''), 'next');
}

/** The field's value. @throws GithubError with `message` when it is missing or empty */
export function required(value: string | null | undefined, message: string): string {
  if (!value) throw new GithubError(message);
  return value;
}

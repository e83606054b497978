import { promisify } from 'node:util';
import { gunzip as gunzipCallback } from 'node:zlib';
import { type Dispatcher, request } from 'undici';
import { errorCode, formatError } from '../lib/errors.ts';
import { requireBoundedJson, tryParseJson } from '../lib/json.ts';
import { BodyTooLargeError, readBytes } from '../lib/read-body.ts';
import { GithubError } from './errors.ts';
import type { CachedResponse, EtagCache } from './etag-cache.ts';
import { hasLink } from './link-header.ts';

export interface FetchInit {
  method: string;
  headers: Record<string, string>;
  body?: string | undefined;
  signal?: AbortSignal | undefined;
}

export type GithubFetch = (url: string, init: FetchInit) => Promise<Response>;

const gunzip = promisify(gunzipCallback);
// Before and after decompression.
const maxBodyBytes = 64 * 1024 * 1024;
const maxRedirects = 5;

/**
 * Creates a `fetch` for one token. It resolves with the complete body, so a truncated response is a failure and not an empty
 * result. It follows redirects on the same host only and makes GET requests conditional.
 */
export function createGithubFetch(dispatcher: Dispatcher, cache: EtagCache): GithubFetch {
  return async (url, init) => {
    let target = url;
    for (let hops = 0; hops <= maxRedirects; hops += 1) {
      const response = await send(target, init);
      if (!isRedirect(response)) return response;
      target = nextTarget(target, response, init.method);
    }
    throw new GithubError('GitHub redirects in a loop');
  };

  async function send(url: string, init: FetchInit): Promise<Response> {
    // A caller that keeps an ETag of its own sends the header, empty without one.
    const { 'if-none-match': ownEtag, ...otherHeaders } = init.headers;
    const isCacheable = init.method === 'GET' && ownEtag === undefined;
    const cached = isCacheable ? cache.get(url) : undefined;
    const knownEtag = cached?.etag ?? ownEtag;
    const { statusCode, ...response } = await request(url, {
      dispatcher,
      method: init.method,
      headers: { ...otherHeaders, 'accept-encoding': 'gzip', ...(knownEtag && { 'if-none-match': knownEtag }) },
      body: init.body ?? null,
      signal: init.signal ?? null,
      // The caller's signal is the only time limit.
      headersTimeout: 0,
      bodyTimeout: 0,
    }).catch((error: unknown) => {
      throw withoutFalseAbort(error, init.signal);
    });
    const headers = essential(response.headers);
    const body = await readBody(response);
    if (/json/i.test(String(response.headers['content-type']))) requireBounded(body);
    if (cached && statusCode === 304) return complete(200, renewed(cached.headers, headers), cached.body);
    const { etag } = response.headers;
    if (isCacheable && statusCode === 200 && typeof etag === 'string') {
      const cacheable = { etag, headers, body };
      if (!isFullLastPage(url, cacheable)) cache.set(url, cacheable);
    }
    return complete(statusCode, headers, body);
  }
}

/** undici reports a proxy's rejection as an AbortError, which Octokit would treat as the caller's abort. */
function withoutFalseAbort(error: unknown, signal: AbortSignal | undefined): unknown {
  const isMisnamed = error instanceof Error && error.name === 'AbortError' && !signal?.aborted;
  return isMisnamed ? new Error(error.message, { cause: error }) : error;
}

function isRedirect({ status }: Response): boolean {
  return status >= 300 && status < 400 && status !== 304;
}

async function readBody({ headers, body }: Pick<Dispatcher.ResponseData, 'headers' | 'body'>): Promise<string> {
  try {
    const bytes = await readBytes(body, maxBodyBytes);
    if (headers['content-encoding'] !== 'gzip' || bytes.length === 0) return bytes.toString('utf8');
    return (await gunzip(bytes, { maxOutputLength: maxBodyBytes })).toString('utf8');
  } catch (error) {
    if (!(error instanceof BodyTooLargeError) && errorCode(error) !== 'ERR_BUFFER_TOO_LARGE') throw error;
    throw new GithubError('the response of GitHub is too large', { origin: error, mayBeTooMuch: true });
  }
}

/** Whether another page may follow by now. The ETag covers only the entries, so a 304 does not reveal a new page. */
function isFullLastPage(url: string, { headers, body }: CachedResponse): boolean {
  const pageSize = Number(new URL(url).searchParams.get('per_page') ?? Number.POSITIVE_INFINITY);
  const links = headers.find(([name]) => name === 'link')?.[1] ?? '';
  return !hasLink(links, 'next') && countEntries(body) >= pageSize;
}

function countEntries(body: string): number {
  const list = tryParseJson(body);
  return Array.isArray(list) ? list.length : 0;
}

/** Returns the headers of a cached response after a 304. Its old date would be a wrong reading of GitHub's clock. */
function renewed(cached: CachedResponse['headers'], current: CachedResponse['headers']): Map<string, string> {
  return new Map([...cached.filter(([name]) => name !== 'date'), ...current]);
}

// Headers of the transfer, which do not apply to the decoded body.
const ofTransfer = new Set(['content-encoding', 'content-length', 'transfer-encoding']);

function essential(headers: Dispatcher.ResponseData['headers']): [name: string, value: string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || ofTransfer.has(name) ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
  );
}

// Octokit parses the body with JSON.parse.
function requireBounded(body: string): void {
  try {
    requireBoundedJson(body);
  } catch (error) {
    throw new GithubError(`the response of GitHub is ${formatError(error)}`);
  }
}

const withoutBody = new Set([204, 205, 304]);

function complete(status: number, headers: Iterable<[string, string]>, body: string): Response {
  return new Response(withoutBody.has(status) ? null : body, { status, headers: [...headers] });
}

/**
 * Renamed repositories redirect on the same host, with the same headers. Redirects to other hosts are rejected, because
 * their responses would not come from GitHub.
 */
function nextTarget(from: string, response: Response, method: string): string {
  const location = response.headers.get('location');
  const target = location ? URL.parse(location, from) : null;
  if (target === null) throw new GithubError(`GitHub redirects without a location (${response.status})`);
  const { origin } = new URL(from);
  if (target.origin !== origin) {
    throw new GithubError(
      `${origin} redirects to another host (${describeTarget(target)}), where the token is not sent`,
    );
  }
  const keepsMethod = response.status === 307 || response.status === 308;
  if (method !== 'GET' && !keepsMethod) throw new GithubError(`${origin} redirects a ${method} (${response.status})`);
  return target.href;
}

// Only some schemes have an origin.
function describeTarget({ origin, protocol }: URL): string {
  return origin === 'null' ? protocol : origin;
}

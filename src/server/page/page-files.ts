import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { loadPage, type PageSources } from './page-sources.ts';

interface PageFile {
  contentType: string;
  body: Buffer;
  etag: string;
}

// Forbids inline scripts, strings as code or markup, other origins, and framing.
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const securityHeaders = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

const yearSeconds = 31_536_000;

/** Serves the files of the web page. They are public, because all data comes from calls that need a token. */
export function createPageFiles() {
  let files: Promise<ReadonlyMap<string, PageFile>> | undefined;
  return {
    isFile: (path: string) => paths.has(path),
    /** Responds with the file of a path. */
    send: async (request: IncomingMessage, response: ServerResponse, path: string): Promise<void> => {
      files ??= loadPage().then(filesOf);
      const file = (await files).get(path);
      if (!file) throw new Error('not a file of the web page');
      sendFile(request, response, file);
    },
  };
}

const paths: ReadonlySet<string> = new Set(['/', '/page.js', '/page.css', '/icon.svg']);

function filesOf({ markup, script, style, icon }: PageSources): ReadonlyMap<string, PageFile> {
  const [js, css, svg] = [
    fileOf('text/javascript', script),
    fileOf('text/css', style),
    fileOf('image/svg+xml', icon),
  ] as const;
  // The names change with the content, so that browsers may cache the files.
  const named = markup
    .replace('page.js', `page.js?${versionOf(js)}`)
    .replace('page.css', `page.css?${versionOf(css)}`)
    .replace('icon.svg', `icon.svg?${versionOf(svg)}`);
  return new Map([
    ['/', fileOf('text/html', named)],
    ['/page.js', js],
    ['/page.css', css],
    ['/icon.svg', svg],
  ]);
}

function fileOf(type: string, text: string): PageFile {
  return {
    contentType: `${type}; charset=utf-8`,
    body: Buffer.from(text),
    etag: `"${hash('sha256', text, 'base64url').slice(0, 20)}"`,
  };
}

function versionOf({ etag }: PageFile): string {
  return etag.slice(1, -1);
}

function sendFile(request: IncomingMessage, response: ServerResponse, { contentType, body, etag }: PageFile): void {
  const isVersioned = request.url?.endsWith(`?${etag.slice(1, -1)}`);
  const headers = {
    ...securityHeaders,
    etag,
    'cache-control': isVersioned ? `public, max-age=${yearSeconds}, immutable` : 'no-cache',
  };
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers).end();
    return;
  }
  response.writeHead(200, { ...headers, 'content-type': contentType, 'content-length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** The path of a request, read so that no server can read another one. */

import type { Refused } from './intercept/hooks.ts';

export interface RequestPath {
  /** Without the query. */
  path: string;
  /** Decoded. A slash at the end leaves no segment. */
  segments: string[];
  /** As sent. */
  raw: string[];
  query: URLSearchParams;
}

const maxLength = 16 * 1024;

/**
 * Undefined for a path that servers may understand differently: with an empty or a dot segment, a backslash, a control
 * character, an escape that does not decode, or an escape within an escape.
 */
export function parseRequestPath(target: string): RequestPath | undefined {
  if (target.length > maxLength || !/^\/[\x21-\x7e]*$/.test(target) || /[\\#]/.test(target)) return undefined;
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  // Others have to be escaped.
  if (!/^[\w.~!$&'()*+,=:@/%[\]-]*$/.test(path)) return undefined;
  const raw = path.slice(1).replace(/\/$/, '').split('/');
  if (raw.length === 1 && raw[0] === '') raw.pop();
  const segments: string[] = [];
  // Ends at the first: each exception takes a thousand times as long as a segment.
  for (const segment of raw) {
    const decoded = decode(segment);
    if (decoded === undefined) return undefined;
    segments.push(decoded);
  }
  return { path, segments, raw, query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)) };
}

function decode(segment: string): string | undefined {
  let text: string;
  try {
    text = decodeURIComponent(segment);
  } catch {
    return undefined;
  }
  // An escaped slash is a part of the name of a branch or a file. It must lead nowhere else.
  const isUnclear = text.split('/').some((part) => part === '' || part === '.' || part === '..');
  return isUnclear || /[\p{Cc}\\;]|%[\da-f]{2}/iu.test(text) ? undefined : text;
}

/** For a path that has more than one meaning. */
export const unclearPath: Refused = {
  what: 'the path can be read in more than one way',
  remedy: 'Write it without dot segments, empty segments and escapes of escapes.',
};

/** By which some servers take another method than that of the request. */
export const methodOverrides = ['x-http-method-override', 'x-http-method', 'x-method-override'] as const;

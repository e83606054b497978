import { isUtf8 } from 'node:buffer';

/** A kind of secret: the characters that it begins with, and the rest. */
interface Kind {
  start: string;
  rest: RegExp;
  /** Where it may begin. `word` is the start of a word, if ordinary words contain these characters too. */
  boundary?: 'word';
  /** The rest that is sufficient if the secret begins inside a word. */
  insideWord?: RegExp;
  /** Whether the text that matched as the rest is a secret. */
  accepts?: (rest: string) => boolean;
  /** The start is redacted too. */
  whole?: true;
}

const kinds: readonly Kind[] = [
  { start: 'p42[a-z]_', rest: /[\w.-]+/y },
  { start: 'github_pat_', rest: /\w+/y },
  { start: 'gh[a-z]_', rest: /\w+/y, insideWord: /[A-Za-z0-9]{16}/y, boundary: 'word' },
  // A JSON Web Token. Two segments are sufficient, for a token that was cut.
  { start: 'eyJ', rest: /[\w-]{8,}\.[\w-]+(?:\.[\w-]*)*/y, whole: true },
  { start: '-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----', rest: /(?:)/y, whole: true },
  // Model providers.
  { start: 'sk-(?:ant|proj|svcacct|admin|or)-', rest: /[\w-]{8,}/y, boundary: 'word', insideWord: /[\w-]{40}/y },
  { start: 'sk-', rest: /[A-Za-z0-9]{20,}/y, boundary: 'word' },
  { start: 'gsk_|xai-|hf_', rest: /[A-Za-z0-9]{30,}/y, boundary: 'word' },
  { start: 'AIza', rest: /[\w-]{30,}/y },
  // Clouds, registries and forges.
  { start: 'AKIA|ASIA', rest: /[A-Z0-9]{16}(?![A-Za-z0-9])/y, boundary: 'word' },
  { start: 'ya29\\.', rest: /[\w-]{16,}/y },
  { start: 'xox[a-z]-|xapp-', rest: /[\w-]{10,}/y, boundary: 'word', insideWord: /[\w-]{24}/y },
  {
    start: 'gl(?:pat|ptt|dt|rt|rtr|cbt|ft|soat|imt|agent|oas|ffct)-',
    rest: /[\w.-]{16,}/y,
    boundary: 'word',
    insideWord: /\w{20}/y,
  },
  { start: 'npm_', rest: /[A-Za-z0-9]{30,}/y },
  { start: 'pypi-Ag', rest: /[\w-]{16,}/y },
  { start: 'dckr_[a-z]{2,4}_', rest: /[\w-]{16,}/y },
  { start: '[rs]k_(?:live|test)_', rest: /[A-Za-z0-9]{10,}/y, boundary: 'word' },
  // HTTP: credentials of a header, of a URL and of its query.
  { start: '[Bb]asic |BASIC ', rest: /[A-Za-z0-9+/_-]{4,}={0,2}/y, accepts: isUserAndPassword },
  { start: '[Bb]earer |BEARER ', rest: /[\w.~+/-]{8,}={0,2}/y, accepts: looksRandom },
  { start: '://', rest: /[^\s/?#"'<>\\]+(?=@)/y, accepts: isSecretUserInfo },
  {
    start: '[?&#](?:access_token|refresh_token|id_token|token|api_?key|password|secret|signature|sig|sign-in)=',
    rest: /[^\s&#"'<>\\]+/y,
  },
];

/** One group for each kind, so that the number of the group names the kind. */
// oxlint-disable-next-line plan42/linear-regex -- each start has a bounded length; see `redact`
const starts = new RegExp(kinds.map(({ start }) => `(${start})`).join('|'), 'g');
const privateKeyEnd = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|"/g;
const tokenRun = /[\w-]*/y;

/**
 * Replaces everything that looks like a token, a key or a password with `[redacted]`. Takes time in proportion to the length
 * of `text`, whatever it contains: every kind is rejected after a constant number of characters, consumes what it has read,
 * or stops at a character that no start contains.
 */
export function redact(text: string): string {
  let clean = '';
  let copied = 0;
  let noTokenBefore = 0;
  starts.lastIndex = 0;
  for (let match = starts.exec(text); match !== null; match = starts.exec(text)) {
    const kind = kinds[match.findIndex((group, n) => n > 0 && group !== undefined) - 1];
    if (kind === undefined) break;
    const [start] = match;
    const from = match.index + start.length;
    if (start === 'eyJ' && match.index < noTokenBefore) continue;
    const end = endOfSecret(kind, text, match.index, from);
    if (end === undefined) {
      // A run of token characters is no JSON Web Token from any of its characters if it is none from the first.
      if (start === 'eyJ') noTokenBefore = endOf(tokenRun, text, from) ?? from;
      continue;
    }
    clean += `${text.slice(copied, kind.whole ? match.index : from)}[redacted]`;
    copied = end;
    starts.lastIndex = end;
  }
  return copied === 0 ? text : clean + text.slice(copied);
}

/** Whether `text` ends inside of a private key, the rest of which is elsewhere. */
export function endsInsidePrivateKey(text: string): boolean {
  const begin = text.lastIndexOf('-----BEGIN ');
  return begin >= 0 && /PRIVATE KEY/.test(text.slice(begin, begin + 80)) && !text.includes('-----END ', begin);
}

function endOfSecret(kind: Kind, text: string, at: number, from: number): number | undefined {
  if (text.startsWith('-----BEGIN ', at)) return endOfPrivateKey(text, from);
  if (kind.boundary === 'word' && !startsWord(text, at)) {
    if (kind.insideWord === undefined || endOf(kind.insideWord, text, from) === undefined) return undefined;
  }
  const end = endOf(kind.rest, text, from);
  if (end === undefined || kind.accepts?.(text.slice(from, end)) === false) return undefined;
  return end;
}

// A key that was cut ends with the text, or with the JSON string that contains it.
function endOfPrivateKey(text: string, from: number): number {
  privateKeyEnd.lastIndex = from;
  const found = privateKeyEnd.exec(text);
  if (found === null) return text.length;
  return found[0] === '"' ? found.index : privateKeyEnd.lastIndex;
}

function endOf(pattern: RegExp, text: string, from: number): number | undefined {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

// The character before a word can be the end of an escape: `\n`, `\u001b`, `%20`, the `m` of a colour.
const endsWithEscape = /(?:\\(?:[bfnrt]|u[\da-f]{4}|x[\da-f]{2})|%[\da-f]{2}|\[[\d;:?]{0,16}[a-z]|[^a-z\d])$/i;

function startsWord(text: string, at: number): boolean {
  return at === 0 || endsWithEscape.test(text.slice(Math.max(0, at - 20), at));
}

function isUserAndPassword(base64: string): boolean {
  const decoded = Buffer.from(base64, 'base64');
  return decoded.includes(':') && isUtf8(decoded) && !/\p{Cc}/u.test(decoded.toString());
}

// "bearer authentication" is no token.
function looksRandom(text: string): boolean {
  return /\d/.test(text) || (/[a-z]/.test(text) && /.[A-Z]/.test(text));
}

// A user alone is a secret only if it is a token: `ssh://git@host` is public.
function isSecretUserInfo(userInfo: string): boolean {
  if (userInfo === '[redacted]') return false;
  const colon = userInfo.indexOf(':');
  return colon < 0 ? userInfo.length >= 16 && looksRandom(userInfo) : colon < userInfo.length - 1;
}

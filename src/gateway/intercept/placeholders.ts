/** Puts credentials into a request in place of their placeholders, where programs send credentials, and nowhere else. */

export interface Injectable {
  name: string;
  placeholder: string;
  /** The only header that it may stand in, in lower case. Undefined for the usual ones. */
  header?: string | undefined;
  /** Undefined if there is none at the moment. */
  value: string | undefined;
  /** Whether it is for the host of the request. */
  isForHost: boolean;
}

export interface RequestParts {
  /** Names and values in turn. */
  rawHeaders: readonly string[];
  /** With the query. */
  path: string;
}

/** The values that went into a request, by the names of their credentials. */
export type UsedCredentials = ReadonlyMap<string, string>;

export type Injection =
  | (RequestParts & { kind: 'pass'; used: UsedCredentials })
  | { kind: 'refused'; name: string; because: 'host' | 'place' | 'no-value' };

const usualHeaders = new Set([
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'private-token',
  'x-auth-token',
]);
/** Google's clients send keys in this parameter of the query. */
const keyParameter = 'key';

class Refused extends Error {
  readonly refusal: Extract<Injection, { kind: 'refused' }>;

  constructor(name: string, because: 'host' | 'place' | 'no-value') {
    super(because);
    this.refusal = { kind: 'refused', name, because };
  }
}

export function injectCredentials(credentials: readonly Injectable[], { rawHeaders, path }: RequestParts): Injection {
  const used = new Map<string, string>();
  /** The text with the value of each credential whose placeholder is in it. */
  const replaced = (text: string, isPlace: (credential: Injectable) => boolean): string => {
    let result = text;
    for (const credential of credentials) {
      const { name, placeholder, value, isForHost } = credential;
      if (!text.includes(placeholder)) continue;
      if (!isForHost) throw new Refused(name, 'host');
      if (!isPlace(credential)) throw new Refused(name, 'place');
      if (value === undefined) throw new Refused(name, 'no-value');
      used.set(name, value);
      result = result.replaceAll(placeholder, () => value);
    }
    return result;
  };
  try {
    const headers = rawHeaders.map((text, n) => {
      if (n % 2 === 0) return replaced(text, () => false);
      const header = (rawHeaders[n - 1] ?? '').toLowerCase();
      return replacedValue(text, (part) =>
        replaced(part, (credential) =>
          credential.header === undefined ? usualHeaders.has(header) : credential.header === header,
        ),
      );
    });
    return { kind: 'pass', rawHeaders: headers, path: replacedPath(path, replaced), used };
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}

/** Git and curl encode a user name and a password together. */
function replacedValue(value: string, replace: (text: string) => string): string {
  const [, scheme, encoded] = /^(basic +)([\w+/-]+={0,2}) *$/i.exec(value) ?? [];
  if (scheme === undefined || encoded === undefined) return replace(value);
  const decoded = Buffer.from(encoded, 'base64').toString('latin1');
  const result = replace(decoded);
  return result === decoded ? replace(value) : scheme + Buffer.from(result, 'latin1').toString('base64');
}

type Replace = (text: string, isPlace: (credential: Injectable) => boolean) => string;

function replacedPath(path: string, replace: Replace): string {
  const [before, query] = splitOnce(path, '?');
  const nowhere = () => false;
  replace(before, nowhere);
  if (query === undefined) return path;
  const parameters = query.split('&').map((parameter) => {
    const [name, value] = splitOnce(parameter, '=');
    const isKey = name === keyParameter && value !== undefined;
    if (!isKey) return replace(parameter, nowhere);
    const result = replace(value, ({ header, placeholder }) => header === undefined && placeholder === value);
    return `${name}=${result === value ? value : encodeURIComponent(result)}`;
  });
  return `${before}?${parameters.join('&')}`;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

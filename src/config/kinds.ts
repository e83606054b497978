/** The kinds of values that the configuration has, each read from TOML and from text (flags, environment). */

import { isAbsolute } from 'node:path';
import { expandHome, homeRemedy } from '../lib/home-path.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { isLoopback } from '../lib/loopback.ts';
import { isUuid } from '../lib/uuid.ts';
import type { TomlValue } from './toml/render.ts';

/** Why a value is invalid. The message follows "is", as in "jobs.cpus is not a number". */
export class InvalidValue extends Error {
  override readonly name = 'InvalidValue';
}

/** A JSON Schema of a value. */
export interface JsonSchema {
  readonly type?: 'string' | 'boolean' | 'number' | 'integer' | 'array';
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly minItems?: number;
}

export interface Kind<T> {
  /** The notation, for the reference. */
  readonly notation: string;
  /** Accepts each TOML value that `fromToml` accepts, and may accept others. Its patterns are for JavaScript and for Go. */
  readonly jsonSchema: JsonSchema;
  /** Checks a TOML value. @throws InvalidValue */
  fromToml(value: unknown): T;
  /** Checks the text of a flag or an environment variable. @throws InvalidValue */
  fromText(text: string): T;
  /** Converts the text of a flag or an environment variable for the file, unchecked. */
  toToml(text: string): TomlValue;
  /** The value as you would write it into the file. */
  show(value: T): TomlValue;
  /** Returns a value as it counts, such as in lower case. Absent if it counts as it is written. */
  readonly simplify?: (value: unknown) => unknown;
}

function kind<T>(
  notation: string,
  jsonSchema: JsonSchema,
  fromToml: (value: unknown) => T,
  toToml: (text: string) => TomlValue,
  show: (value: T) => TomlValue,
): Kind<T> {
  return { notation, jsonSchema, fromToml, toToml, fromText: (text) => fromToml(toToml(text)), show };
}

function checkedAs<T>(fromToml: (value: unknown) => T, toToml: (text: string) => TomlValue) {
  return { fromToml, fromText: (text: string) => fromToml(toToml(text)) };
}

const stringSchema: JsonSchema = { type: 'string' };
const matching = (pattern: string): JsonSchema => ({ type: 'string', pattern });

const same = <T>(value: T): T => value;
// Digits may be grouped as in the file: `20_000_000`.
const toNumber = (text: string): TomlValue =>
  text.trim() === '' ? text : Number(text.replaceAll(/(?<=\d)_(?=\d)/g, ''));
const toBoolean = (text: string): TomlValue =>
  /^(true|1|yes|on)$/i.test(text) ? true : /^(false|0|no|off)$/i.test(text) ? false : text;
// As in the file, `["a", "b, c"]`, or short, `a, b`. An IPv6 address with a port, `[::1]:80`, is of the short form.
const toList = (text: string): TomlValue =>
  /^\s*\[(?![\da-f]*:[\da-f:.]*\])/i.test(text)
    ? parseList(text)
    : text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');

// Anything but a list of strings stays a string, which the check then rejects.
function parseList(text: string): TomlValue {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : text;
  } catch {
    return text;
  }
}

function string(value: unknown): string {
  if (typeof value !== 'string') throw new InvalidValue(`not a string in quotes, but ${describe(value)}`);
  return value;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (value instanceof Date) return 'a date';
  if (typeof value === 'object') return 'a table';
  return typeof value === 'boolean' ? `${value}` : `a ${typeof value}`;
}

export const text: Kind<string> = kind('"text"', stringSchema, string, same, same);

/** Printable ASCII; empty means none. The error never contains the secret. */
export const token: Kind<string> = kind(
  '"text"',
  matching('^[!-~]*$'),
  (value) => {
    const text = string(value);
    if (/^[\x21-\x7e]*$/.test(text)) return text;
    throw new InvalidValue(
      'not a token: it contains a space, a line break or another invalid character; copy it again',
    );
  },
  same,
  same,
);

/** Text without white space. */
export const word: Kind<string> = kind(
  '"text"',
  stringSchema,
  (value) => {
    const text = string(value);
    if (/^\S+$/.test(text)) return text;
    throw new InvalidValue('not one word');
  },
  same,
  same,
);

export const uuid: Kind<string> = kind(
  '"text"',
  stringSchema,
  (value) => {
    const text = string(value).toLowerCase();
    if (isUuid(text)) return text;
    throw new InvalidValue('not a UUID, such as one that uuidgen prints');
  },
  same,
  same,
);

export const boolean: Kind<boolean> = kind(
  'true or false',
  { type: 'boolean' },
  (value) => {
    if (typeof value !== 'boolean') throw new InvalidValue('neither true nor false');
    return value;
  },
  toBoolean,
  same,
);

export function number(min: number, max: number, { whole = true } = {}): Kind<number> {
  const what = whole ? 'whole number' : 'number';
  return kind(
    `${what}, ${min} to ${max}`,
    { type: whole ? 'integer' : 'number', minimum: min, maximum: max },
    (value) => {
      const n = typeof value === 'bigint' ? Number(value) : value;
      if (typeof n !== 'number' || Number.isNaN(n)) throw new InvalidValue(`not a number`);
      if ((whole && !Number.isInteger(n)) || n < min || n > max) {
        throw new InvalidValue(`not a ${what} from ${min} to ${max}`);
      }
      return n;
    },
    toNumber,
    same,
  );
}

const unitsMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
// A timer waits at most 24.8 days.
const maxDurationMs = 24 * 86_400_000;

/** A duration such as `"30s"` or `"1h30m"`, in milliseconds. Raise `maxMs` only for durations that no timer waits for. */
export function duration({ maxMs = maxDurationMs } = {}): Kind<number> {
  return kind(
    'duration: "500ms", "30s", "5m", "1h30m", "7d"',
    matching('^([0-9]+([.][0-9]+)?(ms|s|m|h|d))+$'),
    (value) => parseDuration(value, maxMs),
    same,
    showDuration,
  );
}

/** In the largest unit that divides it. */
function showDuration(ms: number): string {
  const unit = Object.entries(unitsMs).findLast(([, unitMs]) => ms >= unitMs && ms % unitMs === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`;
}

function parseDuration(value: unknown, maxMs: number): number {
  if (typeof value !== 'string' || value.length > 64 || !/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(value)) {
    throw new InvalidValue('not a duration like "30s", "1h30m" or "7d"');
  }
  let ms = 0;
  for (const [, amount, unit = ''] of value.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/gy))
    ms += Number(amount) * (unitsMs[unit] ?? 0);
  if (ms > maxMs) throw new InvalidValue(`longer than ${maxMs / 1000} s`);
  return Math.round(ms);
}

export function choice<const Name extends string>(names: readonly Name[]): Kind<Name> {
  return kind(
    names.map((name) => `"${name}"`).join(', '),
    { enum: names },
    (value) => {
      const name = names.find((candidate) => candidate === value);
      if (name === undefined) throw new InvalidValue(`not one of ${names.join(', ')}`);
      return name;
    },
    same,
    same,
  );
}

export const list: Kind<readonly string[]> = kind(
  'array of strings; in flags and the environment separated by commas',
  { type: 'array', items: stringSchema },
  (value) => {
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
      throw new InvalidValue('not an array of strings');
    }
    return value;
  },
  toList,
  same,
);

/** Names of Linux capabilities. */
export const capabilities: Kind<readonly string[]> = {
  ...list,
  jsonSchema: { type: 'array', items: matching('^[A-Za-z][A-Za-z_]*$') },
  ...checkedAs((value) => {
    const names = list.fromToml(value);
    const odd = names.find((name) => !/^[A-Za-z][A-Za-z_]*$/.test(name));
    if (odd !== undefined) throw new InvalidValue(`a list with ${JSON.stringify(odd)}, which is not a capability`);
    return names;
  }, toList),
};

/** A program and its arguments. */
export const command: Kind<readonly string[]> = {
  ...list,
  jsonSchema: { type: 'array', items: stringSchema, minItems: 1 },
  ...checkedAs((value) => {
    const words = list.fromToml(value);
    if (!words[0]) throw new InvalidValue('without a program, which must be the first word');
    return [withoutTilde(words[0]), ...words.slice(1)];
  }, toList),
};

/** The name of a container engine's network, or a mode such as `container:web`; empty for none. */
export const network: Kind<string | undefined> = kind(
  '"name" of a network, "host", "none", or another mode of the engine',
  stringSchema,
  (value) => {
    const name = string(value);
    if (name === '') return undefined;
    if (!/^[A-Za-z0-9][\w.:=,/@-]*$/.test(name)) {
      throw new InvalidValue('not the name of a network like "host", "none" or "my-network"');
    }
    return name;
  },
  same,
  (name) => name ?? '',
);

export const absolutePath: Kind<string> = kind(
  'absolute path',
  matching('^/'),
  (value) => {
    const path = string(value);
    if (!isAbsolute(path)) throw new InvalidValue('not an absolute path');
    return path;
  },
  same,
  same,
);

/** An absolute path on this machine; `~/` is the home folder of the runner's user. */
export const localPath: Kind<string> = kind(
  'absolute path, or ~/path',
  matching('^[/~]'),
  (value) => {
    const path = withoutTilde(string(value));
    if (!isAbsolute(path)) throw new InvalidValue('not an absolute path');
    return path;
  },
  same,
  same,
);

function withoutTilde(text: string): string {
  const path = expandHome(text);
  if (path === undefined) throw new InvalidValue(`the home folder of another user. ${homeRemedy(text)}`);
  return path;
}

/** Parses a URL. In it, URL.parse removes line breaks and tabs, so that two addresses would become one. */
export function parseAddress(text: string): URL | null {
  return /[\t\r\n]/.test(text.trim()) ? null : URL.parse(text);
}

/** An https URL. Only loopback may use http, because tokens are sent to it. */
export const serverUrl: Kind<URL> = kind(
  'https URL; http only for loopback',
  // A validator prints a value that does not match, with a password that it may contain.
  stringSchema,
  (value) => {
    const url = parseAddress(string(value));
    if (url === null) throw new InvalidValue('not a URL like "https://api.example.com"');
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
      throw new InvalidValue('not an https URL (http is only accepted for loopback)');
    }
    if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
      throw new InvalidValue('a URL with more than host, port and path');
    }
    return url;
  },
  same,
  (url) => url.href.replace(/\/$/, ''),
);

/** The address of a model's API, as it is given to agents. */
export const providerUrl: Kind<string | undefined> = kind(
  'URL',
  stringSchema,
  (value) => {
    const address = string(value);
    if (address === '') return undefined;
    const url = parseAddress(address);
    if (url === null || !/^https?:$/.test(url.protocol))
      throw new InvalidValue('not a URL like "https://api.example.com/v1"');
    if (url.username !== '' || url.password !== '') {
      throw new InvalidValue('a URL with a user name or a password; set the token instead');
    }
    return address;
  },
  same,
  (address) => address ?? '',
);

/** Like `kind`, with spaces around a text and its capitals ignored. */
export function lowerCased<T>(kind: Kind<T>): Kind<T> {
  const simplify = (value: unknown) => (typeof value === 'string' ? value.trim().toLowerCase() : value);
  return {
    ...kind,
    jsonSchema: stringSchema,
    simplify,
    fromToml: (given) => kind.fromToml(simplify(given)),
    fromText: (given) => kind.fromText(given.trim().toLowerCase()),
  };
}

/** Like `kind`, but an empty string stands for `value`. */
export function emptyMeans<T>(value: T, kind: Kind<T>): Kind<T> {
  return {
    ...kind,
    jsonSchema: orBlank(kind.jsonSchema),
    fromToml: (given) => (isBlank(given) ? value : kind.fromToml(given)),
    fromText: (given) => (isBlank(given) ? value : kind.fromText(given)),
  };
}

function orBlank(schema: JsonSchema): JsonSchema {
  return schema.pattern === undefined ? schema : { ...schema, pattern: `${schema.pattern}|^\\s*$` };
}

const isBlank = (value: unknown) => typeof value === 'string' && value.trim() === '';

export interface HostPort {
  host: string;
  port: number;
}

export const hostPort: Kind<HostPort> = kind(
  '"host:port"',
  matching(':[0-9]{1,5}$'),
  (value) => {
    const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(string(value));
    const port = Number(match?.[2]);
    if (match?.[1] === undefined || port > 65_535) throw new InvalidValue('not an address like "127.0.0.1:9142"');
    return { host: match[1].replaceAll(/[[\]]/g, ''), port };
  },
  same,
  ({ host, port }) => formatHostPort(host, port),
);

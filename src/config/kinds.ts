/** The kinds of values that the configuration has, each read from TOML and from text (flags, environment). */
import { isAbsolute } from 'node:path';
import type { TomlValue } from './toml/render.ts';

/** Why a value does not fit; reads after "is", as in "jobs.cpus is not a number". */
export class InvalidValue extends Error {
  override readonly name = 'InvalidValue';
}

export interface Kind<T> {
  /** For the reference: what a person writes. */
  readonly notation: string;
  /** Checks what TOML gave. @throws InvalidValue */
  fromToml(value: unknown): T;
  /** Checks what a flag or an environment variable gave. @throws InvalidValue */
  fromText(text: string): T;
  /** What to write into the file for what a flag or an environment variable gives; unchecked. */
  toToml(text: string): TomlValue;
  /** What a person would write into the file for this value. */
  show(value: T): TomlValue;
}

function kind<T>(
  notation: string,
  fromToml: (value: unknown) => T,
  toToml: (text: string) => TomlValue,
  show: (value: T) => TomlValue,
): Kind<T> {
  return { notation, fromToml, toToml, fromText: (text) => fromToml(toToml(text)), show };
}

function checkedAs<T>(fromToml: (value: unknown) => T, toToml: (text: string) => TomlValue) {
  return { fromToml, fromText: (text: string) => fromToml(toToml(text)) };
}

const same = <T>(value: T): T => value;
const toNumber = (text: string): TomlValue => (text.trim() === '' ? text : Number(text));
const toBoolean = (text: string): TomlValue =>
  /^(true|1|yes|on)$/i.test(text) ? true : /^(false|0|no|off)$/i.test(text) ? false : text;
// As in the file, `["a", "b, c"]`, or for short `a, b`.
const toList = (text: string): TomlValue =>
  text.trimStart().startsWith('[')
    ? parseList(text)
    : text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');

// What is no list of strings stays a text, which is then refused as none.
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

export const text: Kind<string> = kind('"text"', string, same, same);

/** Of printable ASCII; an empty one stands for none. What a secret is does not go into the error. */
export const token: Kind<string> = kind(
  '"text"',
  (value) => {
    const text = string(value);
    if (/^[\x21-\x7e]*$/.test(text)) return text;
    throw new InvalidValue(
      'not a token: there is a space, a line break or a character that no token has in it; copy it once more',
    );
  },
  same,
  same,
);

export const boolean: Kind<boolean> = kind(
  'true or false',
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
// The longest that a timer can wait is some 24.8 days.
const maxDurationMs = 24 * 86_400_000;

/** A duration such as `"30s"` or `"1h30m"`, in milliseconds. One that no timer waits for may be longer. */
export function duration({ maxMs = maxDurationMs } = {}): Kind<number> {
  return kind(
    'duration: "500ms", "30s", "5m", "1h30m", "7d"',
    (value) => parseDuration(value, maxMs),
    same,
    showDuration,
  );
}

/** In the largest unit that it is a whole number of. */
function showDuration(ms: number): string {
  const unit = Object.entries(unitsMs).findLast(([, unitMs]) => ms >= unitMs && ms % unitMs === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`;
}

function parseDuration(value: unknown, maxMs: number): number {
  if (typeof value !== 'string' || !/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(value)) {
    throw new InvalidValue('not a duration like "30s", "1h30m" or "7d"');
  }
  let ms = 0;
  for (const [, amount, unit = ''] of value.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g))
    ms += Number(amount) * (unitsMs[unit] ?? 0);
  if (ms > maxMs) throw new InvalidValue(`longer than ${maxMs / 1000} s`);
  return Math.round(ms);
}

export function choice<const Name extends string>(names: readonly Name[]): Kind<Name> {
  return kind(
    names.map((name) => `"${name}"`).join(', '),
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
  ...checkedAs((value) => {
    const names = list.fromToml(value);
    const odd = names.find((name) => !/^[A-Za-z][A-Za-z_]*$/.test(name));
    if (odd !== undefined) throw new InvalidValue(`a list with ${JSON.stringify(odd)}, which is no capability’s name`);
    return names;
  }, toList),
};

/** A program and its arguments. */
export const command: Kind<readonly string[]> = {
  ...list,
  ...checkedAs((value) => {
    const words = list.fromToml(value);
    if (!words[0]) throw new InvalidValue('without a program, which comes before the arguments');
    return words;
  }, toList),
};

/** A container engine's network by its name, or one of its modes such as `container:web`; empty for none. */
export const network: Kind<string | undefined> = kind(
  '"name" of a network, "host", "none", or another mode of the engine',
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
  (value) => {
    const path = string(value);
    if (!isAbsolute(path)) throw new InvalidValue('not an absolute path');
    return path;
  },
  same,
  same,
);

const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** An https URL; http only to loopback, since tokens go there. */
export const serverUrl: Kind<URL> = kind(
  'https URL; http only for loopback',
  (value) => {
    const url = URL.parse(string(value));
    if (url === null) throw new InvalidValue('not a URL like "https://api.example.com"');
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback.test(url.hostname))) {
      throw new InvalidValue('not an https URL (http is only taken for loopback)');
    }
    if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
      throw new InvalidValue('a URL with more than host, port and path');
    }
    return url;
  },
  same,
  (url) => url.href.replace(/\/$/, ''),
);

/** Like `kind`, but an empty string stands for `value`. */
export function emptyMeans<T>(value: T, kind: Kind<T>): Kind<T> {
  return {
    ...kind,
    fromToml: (given) => (given === '' ? value : kind.fromToml(given)),
    fromText: (given) => (given === '' ? value : kind.fromText(given)),
  };
}

export interface HostPort {
  host: string;
  port: number;
}

export const hostPort: Kind<HostPort> = kind(
  '"host:port"',
  (value) => {
    const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(string(value));
    const port = Number(match?.[2]);
    if (match?.[1] === undefined || port > 65_535) throw new InvalidValue('not an address like "127.0.0.1:9142"');
    return { host: match[1].replaceAll(/[[\]]/g, ''), port };
  },
  same,
  ({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`,
);

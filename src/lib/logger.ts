import { systemClock } from './clock.ts';
import { formatError } from './errors.ts';

const levels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof levels)[number];
export const logLevels: readonly LogLevel[] = levels;
export type LogFormat = 'text' | 'json';

export type LogFields = Record<string, unknown>;

/**
 * A structured logger. The message is a constant lower-case event; everything variable goes into snake_case fields. Callers
 * must not log tokens, keys or message payloads; {@link redact} is only the second line of defence.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines all carry `fields`. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  level: LogLevel;
  format: LogFormat;
  write: (line: string) => void;
  now?: () => Date;
  /** Called with every entry that reports an error, even if `level` filters it out. */
  onError?: (entry: ErrorEntry) => void;
}

export interface ErrorEntry {
  time: Date;
  /** One line without secrets. */
  message: string;
}

export function createLogger(options: LoggerOptions, bound: LogFields = {}): Logger {
  const { write, onError, now = systemClock.date } = options;
  const threshold = levels.indexOf(options.level);
  const render = options.format === 'json' ? renderJson : renderText;
  const at = (level: LogLevel) => {
    const isWritten = levels.indexOf(level) >= threshold;
    if (!isWritten && !(onError && (level === 'error' || level === 'warn'))) return () => {};
    return (message: string, fields?: LogFields) => {
      const time = now();
      if (isWritten) write(`${redact(render(time.toISOString(), level, message, { ...bound, ...fields }))}\n`);
      if (onError && reportsError(level, fields ?? {})) onError({ time, message: summarise(message, fields) });
    };
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => createLogger(options, { ...bound, ...fields }),
  };
}

// An error, or a warning with an error field.
function reportsError(level: LogLevel, fields: LogFields | undefined): boolean {
  return level === 'error' || (level === 'warn' && fields?.['error'] !== undefined);
}

function summarise(message: string, { error }: LogFields = {}): string {
  return escapeControls(redact(error === undefined ? message : `${message}: ${formatError(error)}`));
}

/** A logger that writes nothing. */
export const silentLogger: Logger = createLogger({ level: 'error', format: 'text', write: () => {} });

// In a rendered line, the letter before a word can be the end of an escape, as in "\\ntoken".
const wordStart = String.raw`(?:\b|(?<=\\(?:[bfnrt]|u[0-9a-f]{4})))`;

/** Removes everything that looks like a Plan42 or GitHub token or a private key. */
export function redact(line: string): string {
  return line
    .replaceAll(/(p42[a-z]_)[\w.-]+/g, '$1[redacted]')
    .replaceAll(new RegExp(`${wordStart}eyJ[\\w-]+\\.[\\w-]+\\.[\\w-]*`, 'g'), '[redacted]')
    .replaceAll(new RegExp(`${wordStart}(gh[a-z]_|github_pat_)\\w+`, 'g'), '$1[redacted]')
    .replaceAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*?(-----END [A-Z ]*PRIVATE KEY-----|(?="|$))/g, '[redacted]');
}

function plain(value: unknown): unknown {
  if (value instanceof Error) return formatError(value);
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint') return `${value}`;
  return value;
}

function renderJson(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const entries = Object.entries(fields).map(([name, value]) => [name, plain(value)]);
  return escapeControls(JSON.stringify({ time, level, message, ...Object.fromEntries(entries) }));
}

function renderText(time: string, level: LogLevel, message: string, fields: LogFields): string {
  let line = `${time} ${level.toUpperCase().padEnd(5)} ${escapeControls(message)}`;
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) line += ` ${name}=${quote(plain(value))}`;
  }
  return line;
}

// One line per entry: a line break or an escape sequence in a value must not forge another entry.
function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
  return escapeControls(/^[\w.:/@+-]+$/.test(text) || typeof value !== 'string' ? text : JSON.stringify(text));
}

// JSON does not escape these: DEL, the second set of control characters, the Unicode line breaks.
function escapeControls(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

import { EntryBounds } from './bounded-value.ts';
import { systemClock } from './clock.ts';
import { formatError } from './errors.ts';
import { escapeHidden } from './printable.ts';
import { redact } from './redact.ts';

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
  return escapeHidden(new EntryBounds().text(error === undefined ? message : `${message}: ${formatError(error)}`));
}

/** A logger that writes nothing. */
export const silentLogger: Logger = createLogger({ level: 'error', format: 'text', write: () => {} });

function renderJson(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const bounds = new EntryBounds();
  const entry = { time, level, message: bounds.text(message) };
  return escapeHidden(JSON.stringify(Object.assign(entry, boundFields(bounds, fields))));
}

function renderText(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const bounds = new EntryBounds();
  let line = `${time} ${level.toUpperCase().padEnd(5)} ${escapeHidden(bounds.text(message))}`;
  for (const [name, value] of Object.entries(boundFields(bounds, fields))) line += ` ${name}=${quote(value)}`;
  return line;
}

function boundFields(bounds: EntryBounds, fields: LogFields): LogFields {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, bounds.bound(value)]));
}

// One line per entry: a line break or an escape sequence in a value must not forge another entry.
function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
  return escapeHidden(/^[\w.:/@+-]+$/.test(text) || typeof value !== 'string' ? text : JSON.stringify(text));
}

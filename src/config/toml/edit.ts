/**
 * Edits a TOML file and preserves everything else: comments, order, spacing, unknown keys. Every edit is parsed and compared
 * with the intended values, so that a wrong file is never written.
 */
import { isDeepStrictEqual } from 'node:util';
import { ExitCode, UserError } from '../../lib/errors.ts';
import { type OutlineEntry, type OutlineTable, outlineOf, type TextRange } from './outline.ts';
import { isTable, parseToml } from './parse.ts';
import { renderKey, renderValue, type TomlValue } from './render.ts';

export type Edit =
  | { type: 'set'; path: readonly string[]; value: TomlValue }
  /** Removes a key, or a table with its content. Comments stay. */
  | { type: 'unset'; path: readonly string[] };

type Values = Record<string, unknown>;

/**
 * Applies the edits in order. A path has at least a table and a key.
 * @throws TomlSyntaxError; UserError (exit code 3) if the file is written in a way that cannot be edited
 */
export function editToml(source: string, edits: readonly Edit[]): string {
  let text = source;
  for (const edit of edits) {
    const wanted = withEdit(parseToml(text).values, edit);
    text = edit.type === 'set' ? setValue(text, edit.path, edit.value) : unset(text, edit.path);
    requireValues(text, wanted, edit);
  }
  return text;
}

function withEdit(values: Values, edit: Edit): Values {
  const copy = structuredClone(values);
  let table = copy;
  for (const [index, name] of edit.path.slice(0, -1).entries()) {
    const next = Object.hasOwn(table, name) ? table[name] : undefined;
    if (next === undefined && edit.type === 'unset') return copy;
    if (next !== undefined && !isTable(next))
      throw notEditable(`${renderKey(edit.path.slice(0, index + 1))} is not a table`);
    const below = next ?? {};
    define(table, name, below);
    table = below;
  }
  const key = edit.path.at(-1) ?? '';
  if (edit.type === 'set') define(table, key, edit.value);
  else delete table[key];
  return copy;
}

// Assignment would set the prototype for `__proto__`.
function define(table: Values, name: string, value: unknown): void {
  Object.defineProperty(table, name, { value, enumerable: true, configurable: true, writable: true });
}

function requireValues(text: string, wanted: Values, edit: Edit): void {
  if (isDeepStrictEqual(withoutEmptyTables(tryParse(text)), withoutEmptyTables(wanted))) return;
  throw notEditable(`cannot edit ${renderKey(edit.path)} the way the configuration file is written`);
}

function tryParse(text: string): Values | undefined {
  try {
    return parseToml(text).values;
  } catch {
    return undefined;
  }
}

// A table that only dotted keys created disappears with its last key.
function withoutEmptyTables(value: unknown): unknown {
  if (!isTable(value)) return value;
  const entries = Object.entries(value)
    .map(([key, child]) => [key, withoutEmptyTables(child)] as const)
    .filter(([, child]) => !(isTable(child) && Object.keys(child).length === 0));
  return Object.fromEntries(entries);
}

function notEditable(message: string): UserError {
  return new UserError(message, { remedy: 'Change it with an editor.', exitCode: ExitCode.configuration });
}

function setValue(source: string, path: readonly string[], value: TomlValue): string {
  const { entries, tables } = outlineOf(source);
  const present = entries.find((entry) => isSame(entry.path, path));
  if (present)
    return isDeepStrictEqual(valueAt(source, path), value) ? source : splice(source, present.value, renderValue(value));
  // The nearest table that can hold the key.
  for (let length = path.length - 1; length > 0; length -= 1) {
    const prefix = path.slice(0, length);
    const home = tables.findLast(
      (table) => isSame(table.path, prefix) && (table.kind === 'inline' || length === path.length - 1),
    );
    if (home) return insert(source, home, home.entries.at(-1), path, value);
    const neighbour = entries.findLast((entry) => startsWith(entry.path, prefix) && entry.table.path.length < length);
    if (neighbour) return insert(source, neighbour.table, neighbour, path, value);
  }
  return append(source, path, value);
}

function insert(
  source: string,
  table: OutlineTable,
  after: OutlineEntry | undefined,
  path: readonly string[],
  value: TomlValue,
): string {
  const assignment = `${renderKey(path.slice(table.path.length))} = ${renderValue(value)}`;
  if (table.kind === 'inline') {
    if (after === undefined) return splice(source, table.span, `{ ${assignment} }`);
    return splice(source, { start: after.span.end, end: after.span.end }, `, ${assignment}`);
  }
  const end = lineEnd(source, (after ?? table).span.end);
  const indentation = after === undefined ? '' : source.slice(lineStart(source, after.span.start), after.span.start);
  return splice(source, { start: end, end }, `${lineBreak(source)}${indentation}${assignment}`);
}

function append(source: string, path: readonly string[], value: TomlValue): string {
  const br = lineBreak(source);
  const gap = source === '' ? '' : source.endsWith('\n') ? br : br + br;
  const header = `[${renderKey(path.slice(0, -1))}]`;
  return `${source}${gap}${header}${br}${renderKey(path.slice(-1))} = ${renderValue(value)}${br}`;
}

function unset(source: string, path: readonly string[]): string {
  for (let text = source; ; ) {
    const { entries, tables } = outlineOf(text);
    const entry = entries.find((candidate) => startsWith(candidate.path, path));
    const header = tables.find((candidate) => candidate.kind === 'header' && startsWith(candidate.path, path));
    if (entry) text = removeEntry(text, entry);
    else if (header) text = removeStatement(text, header.span, { withBlankLineAbove: true });
    else return text;
  }
}

function removeEntry(source: string, entry: OutlineEntry): string {
  const { table, span } = entry;
  if (table.kind === 'inline') return removeFromInline(source, entry);
  const without = removeStatement(source, span);
  if (table.kind !== 'header' || table.entries.length > 1) return without;
  if (!isBareHeader(without, table)) return without;
  const left = removeStatement(without, table.span, { withBlankLineAbove: true });
  // The blank lines after the first table separate nothing now.
  return table.span.start === 0 ? left.replace(/^(\r?\n)+/, '') : left;
}

/** Whether a table without keys has no comment: none in it, after its header or above it. */
function isBareHeader(source: string, { span }: OutlineTable): boolean {
  const { tables } = outlineOf(source);
  const next = tables.find((table) => table.kind === 'header' && table.span.start > span.start);
  const body = source.slice(span.end, next?.span.start);
  const above = source.slice(0, lineStart(source, span.start)).trimEnd().split('\n').at(-1) ?? '';
  const before = source.slice(0, span.start);
  const isAdjacent = before.slice(before.trimEnd().length).split('\n').length < 3;
  return body.trim() === '' && !(isAdjacent && above.trimStart().startsWith('#'));
}

function removeFromInline(source: string, { table: { entries }, span }: OutlineEntry): string {
  const index = entries.findIndex((entry) => entry.span.start === span.start);
  const before = entries[index - 1];
  const after = entries[index + 1];
  const start = before?.span.end ?? span.start;
  return splice(source, { start, end: before === undefined ? (after?.span.start ?? span.end) : span.end }, '');
}

/** Removes the whole line, unless a comment follows. */
function removeStatement(source: string, span: TextRange, { withBlankLineAbove = false } = {}): string {
  const end = lineEnd(source, span.end);
  const behind = source.slice(span.end, end);
  if (behind.trim() !== '') return splice(source, { start: span.start, end: end - behind.trimStart().length }, '');
  let start = lineStart(source, span.start);
  if (withBlankLineAbove && start > 0) {
    const above = lineStart(source, start - 1);
    if (source.slice(above, start).trim() === '') start = above;
  }
  return splice(source, { start, end: nextLine(source, end) }, '');
}

function valueAt(source: string, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (value as Values)[name], parseToml(source).values);
}

function splice(source: string, { start, end }: TextRange, replacement: string): string {
  return source.slice(0, start) + replacement + source.slice(end);
}

function lineStart(source: string, offset: number): number {
  return offset === 0 ? 0 : source.lastIndexOf('\n', offset - 1) + 1;
}

/** Offset of the line break. */
function lineEnd(source: string, offset: number): number {
  const newline = source.indexOf('\n', offset);
  if (newline === -1) return source.length;
  return source[newline - 1] === '\r' && newline > offset ? newline - 1 : newline;
}

function nextLine(source: string, offset: number): number {
  const newline = source.indexOf('\n', offset);
  return newline === -1 ? source.length : newline + 1;
}

function lineBreak(source: string): string {
  return source.includes('\r\n') ? '\r\n' : '\n';
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && startsWith(a, b);
}

function startsWith(path: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((name, index) => path[index] === name);
}

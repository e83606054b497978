/** The positions of tables and keys in the text of a TOML file. */
import { type AST, getStaticTOMLValue, parseTOML } from 'toml-eslint-parser';

export interface TextRange {
  start: number;
  /** Exclusive. */
  end: number;
}

/** A table as it is written: the top of the file, `[a.b]`, or `{ … }`. Dotted keys create tables that are not listed. */
export interface OutlineTable {
  kind: 'top' | 'header' | 'inline';
  path: readonly string[];
  /** The header with its brackets, or the braces and their content; empty for the top. */
  span: TextRange;
  entries: OutlineEntry[];
}

/** A `key = value`. */
export interface OutlineEntry {
  path: readonly string[];
  table: OutlineTable;
  span: TextRange;
  value: TextRange;
}

export interface Outline {
  tables: OutlineTable[];
  /** In the order of the file; the entries of an inline table follow the entry that contains it. */
  entries: OutlineEntry[];
}

/** Reads TOML that `parseToml` has accepted. */
export function outlineOf(source: string): Outline {
  const outline: Outline = { tables: [], entries: [] };
  const top = addTable(outline, { kind: 'top', path: [], span: { start: 0, end: 0 }, entries: [] });
  // As in `parseToml`, a byte order mark counts as a space.
  for (const node of parseTOML(source.replace(/^\ufeff/, ' '), { tomlVersion: '1.0' }).body[0].body) {
    if (node.type === 'TOMLKeyValue') {
      addEntry(outline, top, node);
      continue;
    }
    const span = { start: node.range[0], end: headerEnd(source, node) };
    const path = node.resolvedKey.map(String);
    const table = addTable(outline, { kind: 'header', path, span, entries: [] });
    for (const entry of node.body) addEntry(outline, table, entry);
  }
  return outline;
}

function addTable(outline: Outline, table: OutlineTable): OutlineTable {
  outline.tables.push(table);
  return table;
}

function addEntry(outline: Outline, table: OutlineTable, node: AST.TOMLKeyValue): void {
  const path = [...table.path, ...getStaticTOMLValue(node.key).map(String)];
  const entry = { path, table, span: spanOf(node), value: spanOf(node.value) };
  table.entries.push(entry);
  outline.entries.push(entry);
  if (node.value.type !== 'TOMLInlineTable') return;
  const inner = addTable(outline, { kind: 'inline', path, span: entry.value, entries: [] });
  for (const child of node.value.body) addEntry(outline, inner, child);
}

function spanOf({ range: [start, end] }: AST.TOMLNode): TextRange {
  return { start, end };
}

// The range of a table node extends to its last key.
function headerEnd(source: string, table: AST.TOMLTable): number {
  const bracket = table.kind === 'array' ? ']]' : ']';
  return source.indexOf(bracket, table.key.range[1]) + bracket.length;
}

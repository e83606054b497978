/** Explains a key that is defined twice. The parser reports the position of the second definition, and nothing else. */
import { type AST, getStaticTOMLValue, ParseError, parseTOML } from 'toml-eslint-parser';
import { renderKey } from './render.ts';

/** If a file has more duplicates, no key is named. */
const maxDuplicates = 10;
const maxShownKey = 100;

type Path = readonly (string | number)[];

/** A name in a key or header. */
interface Definition {
  path: Path;
  line: number;
  /** It is the last name of a header. */
  isTable: boolean;
}

export function isDuplicate({ message }: Pick<ParseError, 'message'>): boolean {
  return message === 'Defining a key multiple times is invalid';
}

/** @param second the error of the second definition */
export function explainDuplicate(source: string, second: ParseError): string {
  return explain(source, second) ?? 'a key is defined twice, remove one of its definitions';
}

function explain(source: string, { index, lineNumber }: ParseError): string | undefined {
  const name = nameAt(source, index);
  const marker = unusedName(source);
  const definitions = [...definitionsIn(parseRenamed(source, index, marker))];
  const second = definitions.find(({ path }) => path.at(-1) === `${marker}0`);
  if (name === undefined || second === undefined) return undefined;
  const path = [...second.path.slice(0, -1), unquoted(name)];
  const first = definitions.find((candidate) => isSame(candidate.path, path));
  if (first === undefined) return undefined;
  const key = shorten(renderKey(path.filter((part) => typeof part === 'string')));
  const lines = first.line === lineNumber ? `in line ${lineNumber}` : `in lines ${first.line} and ${lineNumber}`;
  return first.isTable && second.isTable
    ? `the table [${key}] is defined twice, ${lines}, move all its keys below the first header`
    : `${key} is defined twice, ${lines}, remove one of them`;
}

/** Gives duplicates other names, so that the parser accepts the rest. Undefined if there are too many. */
function parseRenamed(source: string, index: number, marker: string): AST.TOMLProgram | undefined {
  let text = source;
  let position = index;
  for (let count = 0; count < maxDuplicates; count += 1) {
    const name = nameAt(text, position);
    if (name === undefined) return undefined;
    text = `${text.slice(0, position)}${marker}${count}${text.slice(position + name.length)}`;
    try {
      return parseTOML(text, { tomlVersion: '1.0' });
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      if (!isDuplicate(error)) return undefined;
      position = error.index;
    }
  }
  return undefined;
}

function* definitionsIn(tree: AST.TOMLProgram | undefined): Iterable<Definition> {
  for (const node of tree?.body[0].body ?? []) {
    if (node.type === 'TOMLKeyValue') yield* definitionsOf(node, []);
    else {
      yield* definitionsOfHeader(node);
      for (const entry of node.body) yield* definitionsOf(entry, node.resolvedKey);
    }
  }
}

function* definitionsOfHeader({ key, resolvedKey }: AST.TOMLTable): Iterable<Definition> {
  let length = 0;
  for (const part of key.keys) {
    length += 1;
    yield { path: resolvedKey.slice(0, length), line: part.loc.start.line, isTable: part === key.keys.at(-1) };
    // The name of an array of tables is followed by the index of its last table.
    while (typeof resolvedKey[length] === 'number') length += 1;
  }
}

function* definitionsOf({ key, value }: AST.TOMLKeyValue, parent: Path): Iterable<Definition> {
  const names = key.keys.map((part) => getStaticTOMLValue(part));
  for (const [index, { loc }] of key.keys.entries()) {
    yield { path: [...parent, ...names.slice(0, index + 1)], line: loc.start.line, isTable: false };
  }
  yield* definitionsInside(value, [...parent, ...names]);
}

function* definitionsInside(value: AST.TOMLContentNode, path: Path): Iterable<Definition> {
  if (value.type === 'TOMLInlineTable') for (const entry of value.body) yield* definitionsOf(entry, path);
  if (value.type !== 'TOMLArray') return;
  for (const [index, element] of value.elements.entries()) yield* definitionsInside(element, [...path, index]);
}

function isSame(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}

/** A name that the text does not contain. */
function unusedName(text: string): string {
  let name = 'duplicate-';
  while (text.includes(name)) name += '-';
  return name;
}

/** The bare or quoted name that begins at the index. */
function nameAt(text: string, index: number): string | undefined {
  const pattern = /[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;
  pattern.lastIndex = index;
  return pattern.exec(text)?.[0];
}

function unquoted(name: string): string {
  return Object.keys(getStaticTOMLValue(parseTOML(`${name} = 0`)))[0] ?? name;
}

function shorten(text: string): string {
  return text.length > maxShownKey ? `${text.slice(0, maxShownKey)}…` : text;
}

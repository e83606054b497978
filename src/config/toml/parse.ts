import { type AST, getStaticTOMLValue, ParseError, parseTOML, traverseNodes } from 'toml-eslint-parser';
import { explainDuplicate, isDuplicate } from './duplicate-key.ts';
import { explainSyntax } from './explain-syntax.ts';

export interface Position {
  /** From 1. */
  line: number;
  /** From 1. */
  column: number;
}

export interface TomlDocument {
  values: Record<string, unknown>;
  /** Position of the key at this path, or of the nearest enclosing table. */
  positionOf(path: readonly string[]): Position | undefined;
}

/** The file is not TOML. */
export class TomlSyntaxError extends Error {
  override readonly name = 'TomlSyntaxError';
  readonly position: Position;

  constructor(message: string, position: Position) {
    super(message);
    this.position = position;
  }
}

const maxDepth = 50;

/** @throws TomlSyntaxError */
export function parseToml(source: string): TomlDocument {
  try {
    const document = parse(source);
    if (isDeeperThan(maxDepth, document.values)) throw new RangeError('nested too deeply');
    return document;
  } catch (error) {
    // The parser calls itself for each level.
    if (!(error instanceof RangeError)) throw error;
    throw new TomlSyntaxError(`nested deeper than ${maxDepth} levels, remove some`, { line: 1, column: 1 });
  }
}

function isDeeperThan(depth: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((each) => isDeeperThan(depth - 1, each));
}

function parse(source: string): TomlDocument {
  // Editors on Windows write a byte order mark. The space keeps all positions.
  const text = source.replace(/^\ufeff/, ' ');
  let ast: AST.TOMLProgram;
  try {
    ast = parseTOML(text, { tomlVersion: '1.0' });
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const message = isDuplicate(error) ? explainDuplicate(text, error) : explainSyntax(error);
    throw new TomlSyntaxError(message, { line: error.lineNumber, column: error.column + 1 });
  }
  rejectPrototypeKeys(ast);
  const positions = new Map<string, Position>();
  for (const node of ast.body[0].body) collect(node, [], positions);
  return {
    values: getStaticTOMLValue(ast),
    positionOf: (path) => {
      for (let length = path.length; length > 0; length -= 1) {
        const position = positions.get(pathKey(path.slice(0, length)));
        if (position) return position;
      }
      return undefined;
    },
  };
}

// The parser assigns values by key, and with this key would change the prototype of all objects.
function rejectPrototypeKeys(ast: AST.TOMLProgram): void {
  traverseNodes(ast, {
    enterNode(node) {
      if (node.type !== 'TOMLKey') return;
      const key = node.keys.find((part) => getStaticTOMLValue(part) === '__proto__');
      if (key !== undefined)
        throw new TomlSyntaxError('the name "__proto__" is not allowed, choose another one', positionOf(key));
    },
    leaveNode() {},
  });
}

function positionOf(node: AST.TOMLNode): Position {
  const { line, column } = node.loc.start;
  return { line, column: column + 1 };
}

function collect(
  node: AST.TOMLTable | AST.TOMLKeyValue,
  parent: readonly string[],
  positions: Map<string, Position>,
): void {
  const path = [...parent, ...getStaticTOMLValue(node.key).map(String)];
  // A dotted key creates tables.
  for (let length = parent.length + 1; length <= path.length; length += 1) {
    remember(positions, path.slice(0, length), node.key);
  }
  if (node.type === 'TOMLTable') {
    for (const child of node.body) collect(child, path, positions);
  } else if (node.value.type === 'TOMLInlineTable') {
    for (const child of node.value.body) collect(child, path, positions);
  }
}

function remember(positions: Map<string, Position>, path: readonly string[], node: AST.TOMLNode): void {
  if (!positions.has(pathKey(path))) positions.set(pathKey(path), positionOf(node));
}

function pathKey(path: readonly string[]): string {
  return JSON.stringify(path);
}

/** Whether a parsed value is a table. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

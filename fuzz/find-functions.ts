/**
 * Finds the functions that can see text from outside, by their folder and signature: every exported function below these
 * folders that takes text, bytes or an unknown value and returns without waiting for anything else. A function that waits
 * reads files or calls others, and the functions that it hands their contents to are found.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folders = [
  ...[
    'agent',
    'checks',
    'cli',
    'config',
    'control',
    'events',
    'gateway',
    'github',
    'jobs',
    'lib',
    'plan42',
    'runner',
    'runtimes',
    'server',
  ],
  ...['service', 'shim', 'tui/view', 'web'],
];
const source = join(import.meta.dirname, '../src');
const takesText = /\b(?:string|unknown|Uint8Array|Buffer|URLSearchParams|IncomingHttpHeaders)\b/;
const takesChunks = /AsyncIterable<(?:Uint8Array|string)>/;

/** Returns `FILE#FUNCTION` of each. */
export function findFunctions(): string[] {
  return folders
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: source }))
    .filter((file) => !file.endsWith('.test.ts') && !file.startsWith('web/view/'))
    .flatMap((file) => functionsIn(readFileSync(join(source, file), 'utf8')).map((name) => `${file}#${name}`))
    .toSorted();
}

// Functions, constants with a function, and the public methods of classes, which are indented.
const start =
  /^(?:export (?:async )?function\*? (?<name>\w+)|export const (?<constant>\w+) = (?:async )?| {2}(?:static )?(?:async )?\*?(?<method>\w+))(?:<[^(]*>)?\(/gm;
const keywords = new Set(['if', 'for', 'while', 'switch', 'catch', 'return', 'await', 'constructor', 'super']);

export function functionsIn(text: string): string[] {
  return [...text.matchAll(start)].flatMap(({ index, 0: begin, groups }) => {
    const { name, constant, method } = groups ?? {};
    const end = closingParenthesis(text, index + begin.length);
    const after = text.slice(end + 1, end + 60);
    if (constant !== undefined && !/^(?:: [^={]+)? =>/.test(after)) return [];
    const owner = method === undefined ? undefined : classAround(text, index);
    if (method !== undefined && (owner === undefined || keywords.has(method) || !/^(?::|\s*\{)/.test(after))) return [];
    const parameters = text.slice(index + begin.length, end);
    const waits = /\basync\b/.test(begin) || /^\s*:\s*Promise</.test(after);
    const isGenerator = begin.includes('*');
    const isFound = takesChunks.test(parameters) || (takesText.test(parameters) && (!waits || isGenerator));
    return isFound ? [name ?? constant ?? `${owner}.${method}`] : [];
  });
}

/** The exported class whose body contains the position. */
function classAround(text: string, at: number): string | undefined {
  const before = text.slice(0, at);
  const [, name] = [...before.matchAll(/^export (?:abstract )?class (\w+)/gm)].at(-1) ?? [];
  // The body of a class ends at the first brace in the first column.
  const from = name === undefined ? -1 : before.lastIndexOf(`class ${name}`);
  return from === -1 || before.slice(from).includes('\n}') ? undefined : name;
}

function closingParenthesis(text: string, from: number): number {
  let depth = 1;
  let at = from;
  for (; at < text.length; at++) {
    if (text[at] === '(') depth += 1;
    if (text[at] === ')') depth -= 1;
    if (depth === 0) break;
  }
  return at;
}

/**
 * Finds the functions that can see text from outside, by their folder and signature: every exported function below these
 * folders that takes text, bytes or an unknown value and returns without waiting for anything else. A function that waits
 * reads files or calls others, and the functions that it hands their contents to are found.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folders = [
  ...['agent', 'checks', 'cli', 'config', 'control', 'github', 'jobs', 'lib', 'plan42', 'runner', 'runtimes', 'server'],
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

export function functionsIn(text: string): string[] {
  const starts = text.matchAll(/^export (async )?function(\*?) (\w+)(?:<[^(]*>)?\(/gm);
  return [...starts].flatMap(({ index, 0: start, 1: isAsync, 2: isGenerator, 3: name = '' }) => {
    const end = closingParenthesis(text, index + start.length);
    const parameters = text.slice(index + start.length, end);
    const waits = isAsync !== undefined || /^\)\s*:\s*Promise</.test(text.slice(end, end + 40));
    const isFound = takesChunks.test(parameters) || (takesText.test(parameters) && (!waits || isGenerator === '*'));
    return isFound ? [name] : [];
  });
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

/** Log lines are constant lower-case events; what varies is in fields with snake_case names. */
import type { Finding } from './marker-words.ts';

const calls = /\b[lL]ogger\.(?:debug|info|warn|error|with)\(\s*/g;

export function findLogLines(file: string, source: string): Finding[] {
  if (!file.startsWith('src/') || !/(?<!\.test)\.tsx?$/.test(file)) return [];
  return [...source.matchAll(calls)].flatMap((call) => {
    const start = call.index + call[0].length;
    const line = source.slice(0, call.index).split('\n').length;
    const args = source.slice(start, endOf(source, start));
    const message = /^(['"`])((?:\\.|(?!\1)[^\\])*)\1/.exec(args);
    const faults = [
      ...(message ? messageFaults(message[2] ?? '') : []),
      ...fieldFaults(args.slice(message?.[0].length)),
    ];
    return faults.map(([found, remedy]) => ({ line, found, remedy }));
  });
}

type Fault = [found: string, remedy: string];

function messageFaults(message: string): Fault[] {
  const faults: Fault[] = [];
  if (message.includes('${')) faults.push([`"${message}"`, 'a constant message, with the value as a field']);
  if (/^\p{Lu}(?!itHub)/u.test(message) || /[.!?:]$/.test(message))
    faults.push([`"${message}"`, 'a short event in lower case, without a full stop']);
  if (/^(a|an|the) /.test(message)) faults.push([`"${message}"`, 'an event without an article']);
  return faults;
}

function fieldFaults(args: string): Fault[] {
  const literal = /^\s*,?\s*\{/.exec(args);
  if (!literal) return [];
  return keysOf(args.slice(literal[0].length))
    .filter((key) => !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(key))
    .map((key) => [`field ${key}`, 'snake_case']);
}

/** The keys of an object literal whose opening brace has been removed. */
function keysOf(literal: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  let atKey = true;
  for (const [token] of literal.matchAll(/(['"`])(?:\\.|(?!\1)[^\\])*\1|\.{3}|[\w$]+|[^\s\w]/g)) {
    if (depth === 0 && token === '}') break;
    if ('({['.includes(token)) depth += 1;
    if (')}]'.includes(token)) depth -= 1;
    if (depth === 0 && atKey && /^[\w$'"]/.test(token)) keys.push(token.replaceAll(/['"]/g, ''));
    atKey = depth === 0 && token === ',';
  }
  return keys;
}

/** The offset of the parenthesis that closes the call whose arguments begin at `start`. */
function endOf(source: string, start: number): number {
  let depth = 1;
  for (const match of source.slice(start).matchAll(/(['"`])(?:\\.|(?!\1)[^\\])*\1|[()]/g)) {
    if (match[0] === '(') depth += 1;
    if (match[0] === ')') depth -= 1;
    if (depth === 0) return start + match.index;
  }
  return source.length;
}

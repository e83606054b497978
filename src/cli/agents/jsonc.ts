/** JSON with comments and trailing commas, as editors write it. */
import { parseJson } from '../../lib/json.ts';

/** @throws JsonError */
export function parseJsonc(text: string): unknown {
  return parseJson(toJson(text));
}

/** Removes comments and trailing commas, in one pass. */
export function toJson(text: string): string {
  let json = '';
  let hasComma = false;
  for (let i = 0; i < text.length; ) {
    const char = text.charAt(i);
    const comment = endOfComment(text, i);
    const end = comment ?? (char === '"' ? endOfString(text, i) : i + 1);
    if (comment === undefined && !/\s/.test(char)) {
      // A comma counts only if a value follows.
      if (hasComma && char !== '}' && char !== ']') json += ',';
      hasComma = char === ',';
      if (!hasComma) json += text.slice(i, end);
    } else json += ' ';
    i = end;
  }
  return hasComma ? `${json},` : json;
}

function endOfComment(text: string, from: number): number | undefined {
  const start = text.slice(from, from + 2);
  if (start !== '//' && start !== '/*') return undefined;
  const close = start === '//' ? '\n' : '*/';
  const end = text.indexOf(close, from + 2);
  if (end < 0) return text.length;
  // The line break stays.
  return start === '//' ? end : end + 2;
}

function endOfString(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i += 1) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === '"') return i + 1;
  }
  return text.length;
}

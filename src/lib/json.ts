/**
 * The one reader of JSON that other programs wrote. JSON.parse needs 70 bytes of memory for each level of nesting and 30
 * for each empty list, so a scan of the text rejects both first. No error quotes the text, which may be secret.
 */
export class JsonError extends Error {
  override readonly name = 'JsonError';
}

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;

// The reviver's context is ES2026; the library's types do not have it yet.
const { parse } = JSON as unknown as { parse: (text: string, reviver?: Reviver) => unknown };

export const maxJsonDepth = 100;
/** A full page of a list, 500 tasks with all their fields, has a tenth of it. */
export const maxJsonValues = 1_000_000;

/** @throws JsonError for text that is not JSON, is nested too deeply, or holds too many values */
export function parseJson(text: string, reviver?: Reviver): unknown {
  requireBoundedJson(text);
  try {
    return parse(text, reviver);
  } catch {
    throw new JsonError('not JSON');
  }
}

/** Like {@link parseJson}, but returns undefined. */
export function tryParseJson(text: string): unknown {
  try {
    requireBoundedJson(text);
    // Not by parseJson: a second error doubles the time that a line without JSON takes.
    return parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Returns a parsed value in which U+FFFD replaces each half of a surrogate pair without the other, also in names. Many
 * parsers reject JSON with such a half, and UTF-8 cannot represent it.
 */
export function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name.toWellFormed(), wellFormed(each)]));
}

/** Returns indented JSON of a value that {@link wellFormed} has passed. */
export function wellFormedJson(value: unknown): string {
  const json = JSON.stringify(value, null, 2);
  // JSON.stringify escapes only halves so. The parse applies `toJSON` of values.
  return /\\ud[89a-f]/.test(json) ? JSON.stringify(wellFormed(parse(json)), null, 2) : json;
}

const code = { quote: 0x22, comma: 0x2c, backslash: 0x5c, openList: 0x5b, openObject: 0x7b } as const;
const closing: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** For text that another library parses. @throws JsonError */
export function requireBoundedJson(text: string): void {
  let depth = 0;
  let values = 1;
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === code.quote) i = endOfString(text, i);
    else if (char === code.openList || char === code.openObject) {
      depth += 1;
      values += 1;
      if (depth > maxJsonDepth) throw new JsonError(`nested deeper than ${maxJsonDepth} levels`);
    } else if (char === code.comma) values += 1;
    else if (closing.has(char)) depth -= 1;
    if (values > maxJsonValues) throw new JsonError(`more than ${maxJsonValues} values`);
  }
}

/** Returns the index of the closing quote, or the length of the text without one. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === code.quote) return i;
    if (char === code.backslash) i += 1;
  }
  return text.length;
}

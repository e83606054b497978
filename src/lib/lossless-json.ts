import { parseJson } from './json.ts';

// JSON.rawJSON is ES2026; the library's types do not have it yet.
const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };

/**
 * Parses JSON so that `JSON.stringify` of the result repeats every number as it was written: numbers that a
 * double cannot represent exactly (`12345678901234567890`, `1.0`) stay as raw JSON. For passing data through.
 */
export function parseLossless(text: string): unknown {
  return parseJson(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value,
  );
}

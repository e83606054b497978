export type TomlValue = string | number | boolean | readonly string[];

/** `value` as TOML. */
export function renderValue(value: TomlValue): string {
  if (typeof value === 'string') return renderString(value);
  if (typeof value === 'object') return `[${value.map(renderString).join(', ')}]`;
  return String(value);
}

/** The name of a key or table, in quotes where it needs them. */
export function renderKey(path: readonly string[]): string {
  return path.map((name) => (/^[\w-]+$/.test(name) ? name : renderString(name))).join('.');
}

// JSON's strings are TOML's, but for DEL and for halves of surrogate pairs, which TOML has no way to write.
function renderString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll('\x7f', '\\u007f');
}

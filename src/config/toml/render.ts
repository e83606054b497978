export type TomlValue = string | number | boolean | readonly string[];

/** `value` as TOML. */
export function renderValue(value: TomlValue): string {
  if (typeof value === 'string') return renderString(value);
  if (typeof value === 'object') return `[${value.map(renderString).join(', ')}]`;
  return String(value);
}

/** The name of a key or table, quoted if necessary. */
export function renderKey(path: readonly string[]): string {
  return path.map((name) => (/^[\w-]+$/.test(name) ? name : renderString(name))).join('.');
}

// JSON strings are valid TOML, except for DEL and lone surrogates, which TOML cannot represent.
function renderString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll('\x7f', '\\u007f');
}

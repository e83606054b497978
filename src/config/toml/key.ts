import { isTable, parseToml, TomlSyntaxError } from './parse.ts';

const marker = 'the value of the key';

/** Returns the names in a key as it is written in TOML, such as `a."b.c".'d'`; undefined if it is not one key. */
export function parseKey(text: string): readonly string[] | undefined {
  if (/[\n\r]/.test(text)) return undefined;
  let value: unknown;
  try {
    value = parseToml(`${text} = "${marker}"`).values;
  } catch (error) {
    if (error instanceof TomlSyntaxError) return undefined;
    throw error;
  }
  const path: string[] = [];
  while (isTable(value)) {
    const [name, ...others] = Object.keys(value);
    if (name === undefined || others.length > 0) return undefined;
    path.push(name);
    value = value[name];
  }
  return value === marker ? path : undefined;
}

import { execFileSync } from 'node:child_process';

export type PlistValue = string | number | boolean | PlistValue[] | { [key: string]: PlistValue };

/** Reads a property list as libplist understands it, which is sent there and back in its binary form. */
export function readPlist(path: string): Record<string, PlistValue> {
  const binary = execFileSync('plistutil', ['-i', path, '-f', 'bin']);
  const xml = execFileSync('plistutil', ['-f', 'xml'], { input: binary, encoding: 'utf8' });
  const tokens = [
    ...xml.matchAll(/<(string|integer|key)>([^<]*)<|<(string|true|false|array|dict)\/>|<(\/?)(array|dict)>/g),
  ];
  const value = readValue(tokens);
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error(`${path} is no dictionary`);
  return value;
}

// libplist writes no attributes, comments or entities but the five of XML.
function readValue(tokens: RegExpMatchArray[]): PlistValue {
  const [, leaf, text = '', empty, , opened] = tokens.shift() ?? [];
  if (leaf === 'integer') return Number(text);
  if (leaf !== undefined) return unescapeText(text);
  if (empty === 'true' || empty === 'false') return empty === 'true';
  if (empty === 'string') return '';
  if (empty === 'array') return [];
  if (empty === 'dict') return {};
  return opened === 'array' ? readArray(tokens) : readDict(tokens);
}

function readArray(tokens: RegExpMatchArray[]): PlistValue[] {
  const items: PlistValue[] = [];
  while (tokens[0]?.[4] !== '/') items.push(readValue(tokens));
  tokens.shift();
  return items;
}

function readDict(tokens: RegExpMatchArray[]): Record<string, PlistValue> {
  const entries: Record<string, PlistValue> = {};
  while (tokens[0]?.[4] !== '/') {
    const key = unescapeText(tokens.shift()?.[2] ?? '');
    entries[key] = readValue(tokens);
  }
  tokens.shift();
  return entries;
}

function unescapeText(text: string): string {
  const names: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replaceAll(/&(\w+);/g, (_, name: string) => names[name] ?? '');
}

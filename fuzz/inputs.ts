import type { Random } from './random.ts';

/** A text of any size with the same structure, so that the time for one size can be compared with another. */
export type Shape = (size: number) => string;

/** Pieces that trip up readers of text, whatever the format. */
const hostile: readonly string[] = [
  ...['\0', '\u001b[1m', '\u001b]0;x\u0007', '\u009b2J', '\r', '\n', '\r\n', '\t', ' ', '\u2028', '\u007f'],
  ...['\u202e', '\u2066', '\u200b', '\u200d', '\ufeff', '\u00ad', '\u{e0061}', '\ud800', '\udc00', '\ufffd'],
  ...['é', 'e\u0301', '日本', '👩‍👩‍👧', '🇩🇪', '\u0301'.repeat(8), 'İ', 'ß', 'ﷺ'],
  ...['-1', '0', '1e309', '99999999999999999999', '0x10', 'NaN', '-0', '1.', '.5', '٣'],
  ...['[', ']', '{', '}', '"', "'", '\\', '\\u0000', '\\ud800', ',', ':', ';', '=', '&', '?', '#', '%', '%00', '%zz'],
  ...['/', '//', '../', '.', '..', '-', '--', '_', '@', '<', '>', '|', '$', '`', '*', '+', '(', ')', '^', '!', '~'],
  ...['null', 'true', '__proto__', 'constructor', 'toString', 'a', 'A', 'https://', 'x:y@z', 'eyJ', 'ghp_', 'sk-'],
];

/** Cuts texts into the pieces that their readers look for: words, numbers, single characters. */
export function piecesOf(texts: readonly string[]): string[] {
  const pieces = texts.flatMap((text) => text.slice(0, 20_000).match(/[\w-]{1,40}|[^\w\s]|\s/g) ?? []);
  return [...new Set([...pieces, ...hostile])];
}

/** A text of any structure, of at most `maxSize` characters. */
export function anyShape(random: Random, corpus: readonly string[], pieces: readonly string[]): Shape {
  const some = () => Array.from({ length: 1 + random.below(3) }, () => random.pick(pieces)).join('');
  const base = corpus.length > 0 ? random.pick(corpus) : '';
  const at = random.below(base.length + 1);
  const [before, after] = [base.slice(0, at), base.slice(at)];
  switch (random.below(7)) {
    case 0: {
      const changed = mutate(random, base, pieces);
      return () => changed;
    }
    case 1: {
      // A part of a valid text, again and again.
      const from = random.below(base.length + 1);
      const unit = base.slice(from, from + 1 + random.below(24)) || some();
      return (size) => before + repeat(unit, size) + after;
    }
    case 2: {
      const unit = some();
      return (size) => before + repeat(unit, size) + after;
    }
    case 3: {
      const [unit, end] = [some(), some()];
      return (size) => repeat(unit, size) + end;
    }
    case 4: {
      // Nested, with or without an end.
      const [open, close] = random.pick(brackets);
      const isClosed = random.chance(70);
      return (size) => {
        const depth = Math.floor(size / (open.length + close.length));
        return before + open.repeat(depth) + (isClosed ? close.repeat(depth) : '') + after;
      };
    }
    case 5: {
      const units = Array.from({ length: 2 + random.below(6) }, () => random.pick(pieces));
      return (size) => repeat(units.join(''), size);
    }
    default: {
      const words = Array.from({ length: 64 }, () => random.pick(pieces)).join('');
      return (size) => before + repeat(words, size);
    }
  }
}

const brackets: readonly (readonly [string, string])[] = [
  ['[', ']'],
  ['{"a":', '}'],
  ['[{"a":[', ']}]'],
  ['(', ')'],
  ['<', '>'],
  ['"', '"'],
  ['\\"', '\\"'],
  ['a = {', '}'],
  ['[a.', ']'],
];

function repeat(unit: string, size: number): string {
  return unit.repeat(Math.ceil(size / Math.max(1, unit.length))).slice(0, size);
}

function mutate(random: Random, base: string, pieces: readonly string[]): string {
  let text = base;
  for (let n = 1 + random.below(6); n > 0; n--) {
    const at = random.below(text.length + 1);
    const end = Math.min(text.length, at + random.below(12));
    switch (random.below(5)) {
      case 0:
        text = text.slice(0, at) + random.pick(pieces) + text.slice(at);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(end);
        break;
      case 2:
        text = text.slice(0, at) + random.pick(pieces) + text.slice(end);
        break;
      case 3:
        text = text.slice(0, end) + text.slice(at);
        break;
      default:
        text = text.slice(0, at) + String.fromCharCode(random.below(0x1_00_00)) + text.slice(at + 1);
    }
  }
  return text;
}

/** Bytes of the text, some of which are no UTF-8. */
export function bytesOf(random: Random, text: string): Buffer {
  const bytes = Buffer.from(text);
  if (random.chance(40)) {
    for (let n = 1 + random.below(4); n > 0 && bytes.length > 0; n--)
      bytes[random.below(bytes.length)] = random.below(256);
  }
  return bytes;
}

/** A value like `base`, with some parts replaced by others that a schema must reject or a formatter must survive. */
export function valueLike(random: Random, base: unknown, text: string): unknown {
  if (random.chance(8)) return hostileValue(random, text);
  if (Array.isArray(base)) {
    const items = base.map((item) => (random.chance(70) ? item : valueLike(random, item, text)) as unknown);
    return random.chance(10) ? Array.from({ length: Math.min(1000, text.length) }, () => items[0]) : items;
  }
  if (typeof base === 'object' && base !== null) {
    const entries = Object.entries(base)
      .filter(() => random.chance(95))
      .map(([name, value]) => [
        random.chance(95) ? name : random.chance(50) ? name.toUpperCase() : text.slice(0, 50),
        random.chance(70) ? value : valueLike(random, value, text),
      ]);
    return Object.fromEntries(entries);
  }
  return random.chance(50) ? text : hostileValue(random, text);
}

function hostileValue(random: Random, text: string): unknown {
  let deep: unknown = text.slice(0, 100);
  return random.pick<() => unknown>([
    () => null,
    () => text,
    () => [text],
    () => ({ [text.slice(0, 1000)]: text.slice(0, 1000) }),
    () => random.pick([0, -1, 1.5, 1e308, 2 ** 53, Number.MIN_VALUE, -0]),
    () => random.chance(50),
    () => '',
    () => [],
    () => ({}),
    () => JSON.parse('{"__proto__":{"x":1},"constructor":1,"toString":2,"length":3}') as unknown,
    () => {
      for (let n = random.below(90); n > 0; n--) deep = random.chance(50) ? [deep] : { a: deep };
      return deep;
    },
  ])();
}

import { UserError } from '../lib/errors.ts';

const minLength = 8;

/** Shortens all IDs to the same length, as far as they stay unique. */
export function shortIds(ids: readonly string[]): (id: string) => string {
  const longest = Math.max(minLength, ...ids.map((id) => id.length));
  let length = minLength;
  while (length < longest && new Set(ids.map((id) => id.slice(0, length))).size < new Set(ids).size) length += 1;
  return (id) => id.slice(0, length);
}

/**
 * The one item whose ID starts with `prefix`, ignoring case.
 * @throws UserError if there is none, or more than one.
 */
export function pickByPrefix<Item>(
  items: readonly Item[],
  idOf: (item: Item) => string,
  prefix: string,
  { kind, listCommand }: { kind: string; listCommand: string },
): Item {
  const matches = items.filter((item) => prefix !== '' && idOf(item).startsWith(prefix.toLowerCase()));
  const [match] = matches;
  if (match === undefined)
    throw new UserError(`${kind} ${prefix} not found`, { remedy: `To list them, run "${listCommand}".` });
  if (matches.length === 1) return match;
  throw new UserError(`${matches.length} ${kind}s start with ${prefix}`, { remedy: 'Give more characters of the ID.' });
}

import { UserError } from '../lib/errors.ts';

const minLength = 8;

/** Shortens all IDs to the same length, as far as they stay unique. */
export function shortIds(ids: readonly string[]): (id: string) => string {
  const sorted = [...new Set(ids)].toSorted();
  // The longest prefix that two IDs share is shared by neighbours.
  const shared = sorted.map((id, n) => commonPrefixLength(id, sorted[n - 1] ?? ''));
  const length = shared.reduce((longest, each) => Math.max(longest, each + 1), minLength);
  return (id) => id.slice(0, length);
}

function commonPrefixLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
  return length;
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

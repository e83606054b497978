import { ExitCode, UserError } from '../lib/errors.ts';

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

interface Naming {
  kind: string;
  listCommand: string;
}

/**
 * The one item whose ID starts with `prefix`, ignoring case.
 * @throws UserError if there is none, or more than one.
 */
export function pickByPrefix<Item>(
  items: readonly Item[],
  idOf: (item: Item) => string,
  prefix: string,
  { kind, listCommand }: Naming,
): Item {
  const matches = items.filter((item) => prefix !== '' && idOf(item).startsWith(prefix.toLowerCase()));
  const [match] = matches;
  if (match === undefined)
    throw new UserError(`${kind} ${prefix} not found`, { remedy: `To list them, run "${listCommand}".` });
  if (matches.length === 1) return match;
  throw new UserError(`${matches.length} ${kind}s start with ${prefix}`, { remedy: 'Give more characters of the ID.' });
}

/**
 * The one item to revoke, which cannot be undone: a prefix must not be shorter than a short ID. Items that are revoked
 * already do not make it ambiguous.
 * @param constantLength the number of characters with which all of these IDs begin
 * @throws UserError as `pickByPrefix`, and if the prefix is too short
 */
export function pickToRevoke<Item extends { Revoked?: boolean | null | undefined }>(
  items: readonly Item[],
  idOf: (item: Item) => string,
  prefix: string,
  { constantLength = 0, ...naming }: Naming & { constantLength?: number },
): Item {
  const length = constantLength + minLength;
  if (prefix.length < length) {
    throw new UserError(`${JSON.stringify(prefix)} is too short for the ID of the ${naming.kind} to revoke`, {
      remedy: `Give ${length} characters or more. To list them, run "${naming.listCommand}".`,
      exitCode: ExitCode.usage,
    });
  }
  const valid = items.filter((item) => !item.Revoked && idOf(item).startsWith(prefix.toLowerCase()));
  return pickByPrefix(valid.length > 0 ? valid : items, idOf, prefix, naming);
}

import { UserError } from '../../lib/errors.ts';
import { printableLine } from '../../lib/printable.ts';
import { pickByPrefix } from '../short-ids.ts';

interface Naming<Item> {
  nameOf: (item: Item) => string;
  idOf: (item: Item) => string;
  kind: string;
  listCommand: string;
}

/**
 * Returns the item with this name, or with an ID that starts with it.
 * @throws UserError if there is none, or more than one
 */
export function pickByNameOrId<Item>(items: readonly Item[], text: string, naming: Naming<Item>): Item {
  const { nameOf, idOf, kind } = naming;
  const named = text === '' ? [] : items.filter((item) => nameOf(item) === text);
  const [first] = named;
  if (first === undefined) return pickByPrefix(items, idOf, text, naming);
  if (named.length === 1) return first;
  const ids = named.map((item) => printableLine(idOf(item))).join(', ');
  throw new UserError(`${named.length} ${kind}s have the name ${text}`, { remedy: `Use one of the IDs: ${ids}.` });
}

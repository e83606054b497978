/** Kinds of the settings in `[github.NAME]`. */
import { InvalidValue, type Kind, list } from './kinds.ts';

function checked(entries: readonly string[]): readonly string[] {
  const bad = entries.find((entry) => entry !== '*' && !/^[a-z\d][\w-]{0,99}\/(?:\*|[\w.-]{1,100})$/i.test(entry));
  if (bad === undefined) return entries;
  throw new InvalidValue(
    `a list with ${JSON.stringify(bad.slice(0, 300))}, which is not "owner/name", "owner/*" or "*"`,
  );
}

/** Repositories, in the spelling of the user. */
export const repositories: Kind<readonly string[]> = {
  ...list,
  notation: 'array of "owner/name", "owner/*" and "*"',
  fromToml: (value) => checked(list.fromToml(value)),
  fromText: (value) => checked(list.fromText(value)),
};

import * as v from 'valibot';

/**
 * An object whose known fields are read in any capitals (`TenantId`, `TenantID`) and given under the names of
 * `entries`; unknown fields stay as they are. If a name occurs in several spellings, the exact one wins.
 */
export function knownFields<const Entries extends v.ObjectEntries>(entries: Entries) {
  const names = new Map(Object.keys(entries).map((name) => [name.toLowerCase(), name]));
  return v.pipe(
    v.unknown(),
    v.transform((input) => respell(input, names)),
    v.looseObject(entries),
  );
}

function respell(input: unknown, names: Map<string, string>): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  const known = (name: string) => names.get(name.toLowerCase());
  if (Object.keys(input).every((name) => (known(name) ?? name) === name)) return input;
  const output: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input)) {
    const target = known(name) ?? name;
    if (target === name || !(target in input)) output[target] = value;
  }
  return output;
}

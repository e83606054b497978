import * as v from 'valibot';

/**
 * An object whose known fields are read in any capitals (`TenantId`, `TenantID`) and given under the names of
 * `entries`; unknown fields stay as they are. If a name occurs in several spellings, the exact one wins.
 */
export function knownFields<const Entries extends v.ObjectEntries>(entries: Entries) {
  const names = new Map(Object.keys(entries).map((name) => [name.toLowerCase(), name]));
  return v.pipe(
    v.unknown(),
    // An array would pass for an object.
    v.check((input) => !Array.isArray(input), 'not an object'),
    v.transform((input) => respell(input, names)),
    v.looseObject(entries),
  );
}

function respell(input: unknown, names: Map<string, string>): unknown {
  if (typeof input !== 'object' || input === null) return input;
  const known = (name: string) => names.get(name.toLowerCase());
  if (Object.keys(input).every((name) => (known(name) ?? name) === name)) return input;
  const entries = Object.entries(input)
    .map(([name, value]) => [known(name) ?? name, value, name] as const)
    .filter(([target, , name]) => target === name || !Object.hasOwn(input, target));
  // Not by assignment, to which `__proto__` would be no field.
  return Object.fromEntries(entries);
}

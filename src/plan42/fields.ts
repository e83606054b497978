import * as v from 'valibot';

/**
 * Returns a schema that reads known fields case-insensitively (`TenantId`, `TenantID`) and returns them under the names
 * of `entries`. Unknown fields are kept. If a name occurs in several spellings, the exact one wins.
 */
export function knownFields<const Entries extends v.ObjectEntries>(entries: Entries) {
  const names = new Map(Object.keys(entries).map((name) => [name.toLowerCase(), name]));
  return v.pipe(
    v.unknown(),
    // valibot accepts an array as an object.
    v.check((input) => !Array.isArray(input), 'must be an object'),
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
  // Assignment would not create a field named `__proto__`.
  return Object.fromEntries(entries);
}

/** The type of a complete object with these fields. */
export type ObjectOf<Entries extends v.ObjectEntries> = v.InferOutput<v.ObjectSchema<Entries, undefined>>;

export const integer = v.pipe(v.number(), v.integer());

/**
 * Returns the entries for reading an object from a server of any version: fields that have to be there, and fields that
 * may be absent or null. Fields that the reader does not use are not validated.
 */
export function view<
  const Entries extends v.ObjectEntries,
  const Required extends keyof Entries & string,
  const Optional extends keyof Entries & string,
>(entries: Entries, required: readonly Required[], optional: readonly Optional[]) {
  const chosen = [
    ...required.map((name) => [name, entries[name]] as const),
    ...optional.map((name) => [name, v.nullish(entries[name] as Entries[Optional])] as const),
  ];
  return Object.fromEntries(chosen) as { [Name in Required]: Entries[Name] } & {
    [Name in Optional]: v.NullishSchema<Entries[Name], undefined>;
  };
}

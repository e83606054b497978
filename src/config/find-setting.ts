import { ExitCode, UserError } from '../lib/errors.ts';
import { nearest } from '../lib/nearest.ts';
import { connectionFields, credentialFields, type Field, mappingFields, priceFields, tables } from './schema.ts';
import { renderKey } from './toml/render.ts';

type Fields = Record<string, Field<unknown>>;

/** One setting of the file by its full name: `jobs.max_jobs`, `github.my-github.token`. */
export interface Setting {
  name: string;
  path: readonly string[];
  field: Field<unknown>;
  /** Undefined for those in a table that the user has named, which cannot be set in the environment. */
  table: string | undefined;
}

/** The tables that contain tables with names of the user, and an example of such a name. */
const namedTables = {
  github: { fields: connectionFields as Fields, example: 'NAME' },
  credentials: { fields: credentialFields as Fields, example: 'NAME' },
  'runner.model_mappings': { fields: mappingFields as Fields, example: 'MODEL' },
  'limits.prices': { fields: priceFields as Fields, example: 'MODEL' },
};

type NamedTable = keyof typeof namedTables;
const namedTableNames = Object.keys(namedTables) as NamedTable[];

/** The names that the user has given, by their tables. */
export type TableNames = Partial<Record<NamedTable, readonly string[]>>;

/** All settings of the schema, and those of the tables with these names. */
export function allSettings(names: TableNames): Setting[] {
  const known = Object.entries<Fields>(tables).flatMap(([table, fields]) =>
    Object.values(fields).map((field) => setting([table, field.key], field, table)),
  );
  const named = namedTableNames.flatMap((table) =>
    (names[table] ?? []).flatMap((name) =>
      Object.values(namedTables[table].fields).map((field) => setting([...table.split('.'), name, field.key], field)),
    ),
  );
  return [...known, ...named];
}

const examples: TableNames = Object.fromEntries(namedTableNames.map((table) => [table, [namedTables[table].example]]));

/** @throws UserError (exit code 2) that suggests the nearest name */
export function findSetting(name: string): Setting {
  const found = allSettings({}).find((candidate) => candidate.name === name) ?? findInNamedTable(name);
  if (found) return found;
  if (Object.hasOwn(tables, name) || Object.hasOwn(namedTables, name) || namedTable(name) !== undefined)
    throw noSetting(name);
  const { table, own } = splitNamed(name) ?? {};
  const candidates = allSettings(table === undefined || own === undefined ? examples : { ...examples, [table]: [own] });
  const guess = nearest(
    name,
    candidates.map((candidate) => candidate.name),
  );
  throw new UserError(`unknown setting "${name}"${guess === undefined ? '' : `, did you mean "${guess}"?`}`, {
    remedy: 'To see all settings, run "plan42 runner config list --all".',
    exitCode: ExitCode.usage,
  });
}

/** The path of the table that a text such as `github.NAME` names; undefined for everything else. */
export function namedTable(name: string): readonly string[] | undefined {
  const table = tableOf(name);
  const own = table === undefined ? '' : name.slice(table.length + 1);
  if (table === undefined || !/^[^.]+$/.test(own)) return undefined;
  // `github.token` is the key of a connection without the connection's name.
  const ofTable = Object.entries<Fields>(tables).find(([known]) => known === table)?.[1] ?? {};
  const keys = [...Object.values(namedTables[table].fields), ...Object.values(ofTable)].map(({ key }) => key);
  return keys.includes(own) ? undefined : [...table.split('.'), own];
}

function noSetting(name: string): UserError {
  const table = tableOf(name) ?? name;
  const example = allSettings(examples).find((candidate) => candidate.name.startsWith(`${table}.`));
  const own = name.slice(table.length + 1);
  const shown = own === '' ? example?.name : example?.name.replace(/\b(?:NAME|MODEL)\b/, () => own);
  return new UserError(`"${name}" is a table, not a setting`, {
    remedy: `Name a setting in it, such as ${shown}.`,
    exitCode: ExitCode.usage,
  });
}

const tableOf = (name: string) => namedTableNames.find((table) => name.startsWith(`${table}.`));

function findInNamedTable(name: string): Setting | undefined {
  const { table, own, key } = splitNamed(name) ?? {};
  if (table === undefined || own === undefined) return undefined;
  const field = Object.values(namedTables[table].fields).find((candidate) => candidate.key === key);
  return field && { ...setting([...table.split('.'), own, field.key], field), name };
}

/** The parts of `github.NAME.KEY`. Names may contain dots, and may be quoted as in the file. */
function splitNamed(name: string): { table: NamedTable; own: string; key: string } | undefined {
  const table = tableOf(name);
  const [, quoted, plain, key = ''] =
    /^(?:"((?:[^"\\]|\\.)+)"|(.+))\.([^.]*)$/.exec(name.slice((table?.length ?? 0) + 1)) ?? [];
  const own = quoted === undefined ? plain : unquote(`"${quoted}"`);
  return table === undefined || own === undefined ? undefined : { table, own, key };
}

function unquote(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}

function setting(path: readonly string[], field: Field<unknown>, table?: string): Setting {
  return { name: renderKey(path), path, field, table };
}

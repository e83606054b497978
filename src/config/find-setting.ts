import { ExitCode, UserError } from '../lib/errors.ts';
import { nearest } from '../lib/nearest.ts';
import { shellQuote } from '../lib/shell-quote.ts';
import { connectionFields, credentialFields, type Field, mappingFields, priceFields, tables } from './schema.ts';
import { parseKey } from './toml/key.ts';
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
  const written = isQuoted(name) ? renderKey(pathOf(name)) : name;
  const found = allSettings({}).find((candidate) => candidate.name === written) ?? findInNamedTable(name);
  if (found) return found;
  if (Object.hasOwn(tables, written) || Object.hasOwn(namedTables, written) || namedTable(name) !== undefined)
    throw noSetting(name);
  const { table, own } = splitNamed(name) ?? {};
  const candidates = allSettings(table === undefined || own === undefined ? examples : { ...examples, [table]: [own] });
  const guess = nearest(
    written,
    candidates.map((candidate) => candidate.name),
  );
  throw new UserError(`unknown setting "${name}"${guess === undefined ? '' : `, did you mean ${quoteName(guess)}?`}`, {
    remedy: 'To see all settings, run "plan42 runner config list --all".',
    exitCode: ExitCode.usage,
  });
}

// A name with quotes is shown as a word of the shell, in which it is typed.
const quoteName = (name: string) => (isQuoted(name) ? shellQuote(name) : `"${name}"`);

/** Names with quotes are keys of TOML. In others, all between the table and the last dot is one name. */
const isQuoted = (name: string) => /["']/.test(name);

/** @throws UserError (exit code 2) */
function pathOf(quoted: string): readonly string[] {
  const path = parseKey(quoted);
  if (path !== undefined && !path.includes('')) return path;
  if (path !== undefined) throw notAllowed('an empty name');
  if (/(?:^|\.)\s*(["']?)__proto__\1\s*(?:\.|$)/.test(quoted)) throw notAllowed('the name "__proto__"');
  throw new UserError(`"${quoted}" is not a key of TOML`, {
    remedy: `Quote names as in the file, such as ${shellQuote('runner.model_mappings."GPT-5.1 Codex".provider')}.`,
    exitCode: ExitCode.usage,
  });
}

function notAllowed(what: string): UserError {
  return new UserError(`${what} is not allowed`, { remedy: 'Choose another name.', exitCode: ExitCode.usage });
}

/** The path of a table that contains only tables with names of the user, such as `runner.model_mappings`. */
export function collectionOf(name: string): readonly string[] | undefined {
  const path = isQuoted(name) ? pathOf(name) : name.split('.');
  const table = namedTableNames.find((known) => known === path.join('.'));
  return table === undefined || Object.hasOwn(tables, table) ? undefined : path;
}

/** The path of the table that a text such as `github.NAME` names; undefined for everything else. @throws UserError (exit code 2) */
export function namedTable(name: string): readonly string[] | undefined {
  const { table, rest } = splitTable(name) ?? {};
  const [own, ...others] = rest ?? [];
  if (table === undefined || !own || others.length > 0) return undefined;
  // `github.token` is the key of a connection without the connection's name.
  const ofTable = Object.entries<Fields>(tables).find(([known]) => known === table)?.[1] ?? {};
  const keys = [...Object.values(namedTables[table].fields), ...Object.values(ofTable)].map(({ key }) => key);
  return keys.includes(own) ? undefined : [...table.split('.'), own];
}

function noSetting(name: string): UserError {
  const path = namedTable(name);
  const table = splitTable(name)?.table ?? name;
  const example = allSettings(examples).find((candidate) => candidate.name.startsWith(`${table}.`));
  const shown = path === undefined ? example?.name : renderKey([...path, example?.path.at(-1) ?? '']);
  return new UserError(`"${name}" is a table, not a setting`, {
    remedy: `Name a setting in it, such as ${shellQuote(shown ?? '')}.`,
    exitCode: ExitCode.usage,
  });
}

/** The table with names of the user in which a name is, and the names below it. */
function splitTable(name: string): { table: NamedTable; rest: readonly string[] } | undefined {
  if (isQuoted(name)) {
    const path = pathOf(name);
    const table = namedTableNames.find((known) => known.split('.').every((part, n) => part === path[n]));
    return table && { table, rest: path.slice(table.split('.').length) };
  }
  const table = namedTableNames.find((known) => name.startsWith(`${known}.`));
  return table && { table, rest: name.slice(table.length + 1).split('.') };
}

function findInNamedTable(name: string): Setting | undefined {
  const { table, own, key } = splitNamed(name) ?? {};
  if (table === undefined || own === undefined) return undefined;
  const field = Object.values(namedTables[table].fields).find((candidate) => candidate.key === key);
  if (!field) return undefined;
  const found = setting([...table.split('.'), own, field.key], field);
  return isQuoted(name) ? found : { ...found, name };
}

/** The parts of `github.NAME.KEY`. Without quotes, the name may contain dots. */
function splitNamed(name: string): { table: NamedTable; own: string; key: string } | undefined {
  const { table, rest = [] } = splitTable(name) ?? {};
  const own = isQuoted(name) ? rest.slice(0, -1) : [rest.slice(0, -1).join('.')];
  if (own[0] === '__proto__') throw notAllowed('the name "__proto__"');
  if (table === undefined || own.length !== 1 || !own[0]) return undefined;
  return { table, own: own[0], key: rest.at(-1) ?? '' };
}

function setting(path: readonly string[], field: Field<unknown>, table?: string): Setting {
  return { name: renderKey(path), path, field, table };
}

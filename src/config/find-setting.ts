import { ExitCode, UserError } from '../lib/errors.ts';
import { nearest } from '../lib/nearest.ts';
import { connectionFields, type Field, priceFields, tables } from './schema.ts';
import { renderKey } from './toml/render.ts';

type Fields = Record<string, Field<unknown>>;

/** One setting of the file by its full name: `jobs.max_jobs`, `github.my-github.token`. */
export interface Setting {
  name: string;
  path: readonly string[];
  field: Field<unknown>;
  /** Undefined for connections and prices, which cannot be set in the environment. */
  table: string | undefined;
}

/** All settings of the schema, and those of these connections and prices of models. */
export function allSettings(connectionNames: readonly string[], models: readonly string[] = []): Setting[] {
  const known = Object.entries<Fields>(tables).flatMap(([table, fields]) =>
    Object.values(fields).map((field) => setting([table, field.key], field, table)),
  );
  const ofConnections = connectionNames.flatMap((name) =>
    Object.values<Field<unknown>>(connectionFields).map((field) => setting(['github', name, field.key], field)),
  );
  const ofModels = models.flatMap((name) =>
    Object.values<Field<unknown>>(priceFields).map((field) => setting([...pricePath, name, field.key], field)),
  );
  return [...known, ...ofConnections, ...ofModels];
}

/** @throws UserError (exit code 2) that suggests the nearest name */
export function findSetting(name: string): Setting {
  const found =
    allSettings([]).find((candidate) => candidate.name === name) ?? findOfConnection(name) ?? findOfPrice(name);
  if (found) return found;
  if (isTableName(name)) throw noSetting(name);
  const connection = connectionOf(name);
  const [model = 'MODEL'] = priceOf(name) ?? [];
  const connections = connection === undefined ? ['NAME'] : [connection];
  const candidates = allSettings(connections, [model]).map((candidate) => candidate.name);
  const guess = nearest(name, candidates);
  throw new UserError(`unknown setting "${name}"${guess === undefined ? '' : `, did you mean "${guess}"?`}`, {
    remedy: 'To see all settings, run "plan42 runner config list --all".',
    exitCode: ExitCode.usage,
  });
}

function isTableName(name: string): boolean {
  const isPrices = /^limits\.prices(\.[^.]+)?$/.test(name);
  return Object.hasOwn(tables, name) || name === 'github' || isPrices || connectionNamed(name) !== undefined;
}

/** The connection that `github.NAME` names; undefined for everything else. */
export function connectionNamed(name: string): string | undefined {
  const connection = /^github\.([^.]+)$/.exec(name)?.[1];
  // `github.token` is the key of a connection without the connection's name.
  const isKey = Object.values<Field<unknown>>(connectionFields).some(({ key }) => key === connection);
  return isKey ? undefined : connection;
}

function noSetting(name: string): UserError {
  const start = name.startsWith('limits.prices') ? 'limits.prices' : name.split('.')[0];
  const settings = allSettings(['NAME'], ['MODEL']);
  const example = settings.find((candidate) => candidate.name.startsWith(`${start}.`));
  return new UserError(`"${name}" is a table, not a setting`, {
    remedy: `Name a setting in it, such as ${example?.name.replace('NAME', name.split('.')[1] ?? 'NAME')}.`,
    exitCode: ExitCode.usage,
  });
}

function findOfConnection(name: string): Setting | undefined {
  const connection = connectionOf(name);
  const key = name.slice(name.lastIndexOf('.') + 1);
  const field = Object.values<Field<unknown>>(connectionFields).find((candidate) => candidate.key === key);
  if (connection === undefined || field === undefined) return undefined;
  return { ...setting(['github', connection, key], field), name };
}

const pricePath = ['limits', 'prices'] as const;

function findOfPrice(name: string): Setting | undefined {
  const [model, key] = priceOf(name) ?? [];
  const field = Object.values<Field<unknown>>(priceFields).find((candidate) => candidate.key === key);
  return model === undefined || field === undefined
    ? undefined
    : { ...setting([...pricePath, model, field.key], field), name };
}

/** The model and the key in `limits.prices.MODEL.KEY`. Names of models contain dots, and may be quoted as in the file. */
function priceOf(name: string): [model: string, key: string] | undefined {
  const [, quoted, plain, key = ''] = /^limits\.prices\.(?:"((?:[^"\\]|\\.)+)"|(.+))\.([^.]*)$/.exec(name) ?? [];
  const model = quoted === undefined ? plain : unquote(`"${quoted}"`);
  return model === undefined ? undefined : [model, key];
}

// A connection's name may contain dots, and may be quoted as in the file.
function connectionOf(name: string): string | undefined {
  const quoted = /^github\."((?:[^"\\]|\\.)+)"\.[^.]*$/.exec(name);
  if (quoted) return unquote(`"${quoted[1]}"`);
  return /^github\.(.+)\.[^.]*$/.exec(name)?.[1];
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

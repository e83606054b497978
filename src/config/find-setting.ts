import { ExitCode, UserError } from '../lib/errors.ts';
import { nearest } from '../lib/nearest.ts';
import { connectionFields, type Field, tables } from './schema.ts';
import { renderKey } from './toml/render.ts';

type Fields = Record<string, Field<unknown>>;

/** One setting of the file, as a person names it: `jobs.max_jobs`, `github.my-github.token`. */
export interface Setting {
  name: string;
  path: readonly string[];
  field: Field<unknown>;
  /** Undefined for connections, which the environment has no variables for. */
  table: string | undefined;
}

/** Every setting that is in the table of settings, or in one of these connections. */
export function allSettings(connectionNames: readonly string[]): Setting[] {
  const known = Object.entries<Fields>(tables).flatMap(([table, fields]) =>
    Object.values(fields).map((field) => setting([table, field.key], field, table)),
  );
  const ofConnections = connectionNames.flatMap((name) =>
    Object.values<Field<unknown>>(connectionFields).map((field) => setting(['github', name, field.key], field)),
  );
  return [...known, ...ofConnections];
}

/** @throws UserError (exit code 2) that suggests the nearest name */
export function findSetting(name: string): Setting {
  const found = allSettings([]).find((candidate) => candidate.name === name) ?? findOfConnection(name);
  if (found) return found;
  if (isTableName(name)) throw noSetting(name);
  const connection = connectionOf(name);
  const candidates = allSettings(connection === undefined ? ['NAME'] : [connection]).map((candidate) => candidate.name);
  const guess = nearest(name, candidates);
  throw new UserError(`there is no setting "${name}"${guess === undefined ? '' : `, did you mean "${guess}"?`}`, {
    remedy: '"plan42 runner config list --all" shows what there is.',
    exitCode: ExitCode.usage,
  });
}

function isTableName(name: string): boolean {
  return Object.hasOwn(tables, name) || name === 'github' || connectionNamed(name) !== undefined;
}

/** The connection that `github.NAME` is about as a whole; undefined for everything else. */
export function connectionNamed(name: string): string | undefined {
  const connection = /^github\.([^.]+)$/.exec(name)?.[1];
  // Whoever writes `github.token` means the key of a connection, and has left out its name.
  const isKey = Object.values<Field<unknown>>(connectionFields).some(({ key }) => key === connection);
  return isKey ? undefined : connection;
}

function noSetting(name: string): UserError {
  const example = allSettings(['NAME']).find((candidate) => candidate.name.startsWith(`${name.split('.')[0]}.`));
  return new UserError(`"${name}" is a table, and no setting`, {
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

// A connection's name may have dots in it, and may be in quotes, as it is in the file.
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

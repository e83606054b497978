/** Turns a configuration file, the environment and flags into one checked Config. Flags beat environment beats file beats defaults. */
import { nearest } from '../lib/nearest.ts';
import { isUuid } from '../lib/uuid.ts';
import { InvalidValue } from './kinds.ts';
import { type Config, type Connection, connectionFields, environmentVariable, type Field, tables } from './schema.ts';
import { isTable, type Position, parseToml, type TomlDocument, TomlSyntaxError } from './toml/parse.ts';
import { renderKey } from './toml/render.ts';

export interface Problem {
  /** `error`: the configuration can't be used. `warning`: it can, but somebody should look. */
  severity: 'error' | 'warning';
  message: string;
  /** Where in the file, if it is there. */
  position?: Position | undefined;
}

export interface Sources {
  /** The file's content; absent where there is no file. */
  file?: string | undefined;
  env: NodeJS.ProcessEnv;
  /** From `table.key`, as in `jobs.max_jobs`, to its value. */
  flags: ReadonlyMap<string, string>;
}

export interface ReadResult {
  config: Config;
  /** In the order of the file, after those that are about something else. */
  problems: Problem[];
}

type Fields = Record<string, Field<unknown>>;

/** Reads everything that can be read and tells every problem, so that a person mends them all at once. */
export function parseConfig(sources: Sources): ReadResult {
  const problems: Problem[] = [];
  const document = parseFile(sources.file, problems);
  const values: Record<string, unknown> = {};
  for (const [name, fields] of Object.entries<Fields>(tables)) {
    values[name] = readTable(name, fields, tableOf(document, [name], problems), document, sources, problems);
  }
  values['github'] = readConnections(document, problems);
  problems.push(...unknownTables(document), ...unknownFlags(sources.flags));
  const config = values as Config;
  problems.push(...contradictions(config, document), ...doubtfulIds(config.github, document));
  return { config, problems: problems.toSorted((a, b) => (a.position?.line ?? 0) - (b.position?.line ?? 0)) };
}

/** With its place, where it is about the file at `path`. */
export function renderProblem(path: string, { message, position }: Problem): string {
  return position === undefined ? message : `${path}:${position.line}:${position.column}: ${message}`;
}

function parseFile(source: string | undefined, problems: Problem[]): TomlDocument {
  try {
    return parseToml(source ?? '');
  } catch (error) {
    if (!(error instanceof TomlSyntaxError)) throw error;
    problems.push({ severity: 'error', message: error.message, position: error.position });
    return parseToml('');
  }
}

function tableOf(document: TomlDocument, path: readonly string[], problems: Problem[]): Record<string, unknown> {
  let value: unknown = document.values;
  for (const name of path) value = isTable(value) ? value[name] : undefined;
  if (value === undefined) return {};
  if (isTable(value)) return value;
  problems.push({
    severity: 'error',
    message: `${renderKey(path)} is not a table`,
    position: document.positionOf(path),
  });
  return {};
}

function readTable(
  table: string,
  fields: Fields,
  fromFile: Record<string, unknown>,
  document: TomlDocument,
  { env, flags }: Sources,
  problems: Problem[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const variable = environmentVariable(table, field.key);
    const flag = flags.get(`${table}.${field.key}`);
    // A variable that is set to nothing counts as not set, as shells and service files can't unset one.
    const text = flag ?? (env[variable] || undefined);
    if (text === undefined) {
      values[name] = readFromFile([table], field, fromFile, document, problems);
    } else {
      const origin = flag === undefined ? `the environment’s ${variable}` : `--set ${table}.${field.key}`;
      values[name] = attempt(() => field.kind.fromText(text), field.default, origin, undefined, problems);
    }
  }
  problems.push(...unknownKeys([table], fields, fromFile, document));
  return values;
}

function readFromFile(
  path: readonly string[],
  field: Field<unknown>,
  table: Record<string, unknown>,
  document: TomlDocument,
  problems: Problem[],
): unknown {
  const value = table[field.key];
  if (value === undefined) return field.default;
  const keyPath = [...path, field.key];
  return attempt(
    () => field.kind.fromToml(value),
    field.default,
    renderKey(keyPath),
    document.positionOf(keyPath),
    problems,
  );
}

function attempt<T>(read: () => T, fallback: T, name: string, position: Position | undefined, problems: Problem[]): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    problems.push({ severity: 'error', message: `${name} is ${error.message}`, position });
    return fallback;
  }
}

/** Those without a mistake: with the default in place of a wrong URL, a token would go to somebody else's server. */
function readConnections(document: TomlDocument, problems: Problem[]): Record<string, Connection> {
  const connections: Record<string, Connection> = {};
  for (const name of Object.keys(tableOf(document, ['github'], problems))) {
    const path = ['github', name];
    const table = tableOf(document, path, problems);
    const values: Record<string, unknown> = {};
    const mistakes: Problem[] = [];
    for (const [key, field] of Object.entries<Field<unknown>>(connectionFields)) {
      values[key] = readFromFile(path, field, table, document, mistakes);
    }
    problems.push(...mistakes, ...unknownKeys(path, connectionFields, table, document));
    if (mistakes.length === 0) connections[name] = values as Connection;
  }
  return connections;
}

function unknownKeys(
  path: readonly string[],
  fields: Fields,
  table: Record<string, unknown>,
  document: TomlDocument,
): Problem[] {
  const known = Object.values(fields).map((field) => field.key);
  return Object.keys(table)
    .filter((key) => !known.includes(key))
    .map((key) => unknown('key', [...path, key], known, document));
}

function unknownTables(document: TomlDocument): Problem[] {
  const known = [...Object.keys(tables), 'github'];
  return Object.keys(document.values)
    .filter((name) => !known.includes(name))
    .map((name) => unknown(isTable(document.values[name]) ? 'table' : 'key', [name], known, document));
}

function unknown(what: string, path: readonly string[], known: string[], document: TomlDocument): Problem {
  const guess = nearest(path.at(-1) ?? '', known);
  const hint = guess === undefined ? '' : `, did you mean "${guess}"?`;
  return {
    severity: 'warning',
    message: `unknown ${what} "${renderKey(path)}"${hint}`,
    position: document.positionOf(path),
  };
}

/** Settings that are right by themselves, but not together. */
function contradictions({ queues }: Config, document: TomlDocument): Problem[] {
  if (queues.scaleDownAt < queues.scaleUpAt) return [];
  const message = 'queues.scale_down_at is not below queues.scale_up_at: queues would come and go under steady load';
  return [{ severity: 'warning', message, position: document.positionOf(['queues', 'scale_down_at']) }];
}

/** IDs that no task can name, or that name two connections, of which the first is used. */
function doubtfulIds(connections: Record<string, Connection>, document: TomlDocument): Problem[] {
  const owners = new Map<string, string>();
  return Object.entries(connections).flatMap(([name, { connectionId }]): Problem[] => {
    if (!connectionId) return [];
    const path = ['github', name, 'connection_id'];
    const warning = (text: string): Problem[] => [
      { severity: 'warning', message: `${renderKey(path)} ${text}`, position: document.positionOf(path) },
    ];
    if (!isUuid(connectionId)) return warning('is not an ID as Plan42 makes them, so that no task uses the connection');
    const owner = owners.get(connectionId.toLowerCase());
    if (owner !== undefined)
      return warning(`is that of ${renderKey(['github', owner])} too, which is the one that is used`);
    owners.set(connectionId.toLowerCase(), name);
    return [];
  });
}

function unknownFlags(flags: ReadonlyMap<string, string>): Problem[] {
  const known = settableKeys();
  return [...flags.keys()]
    .filter((name) => !known.includes(name))
    .map((name) => {
      const guess = nearest(name, known);
      const hint = guess === undefined ? '' : `, did you mean "${guess}"?`;
      return { severity: 'error', message: `there is no setting "${name}"${hint}` };
    });
}

/** What `--set` takes: every setting but the secrets, which have no place on a command line. */
export function settableKeys(): string[] {
  return Object.entries<Fields>(tables).flatMap(([table, fields]) =>
    Object.values(fields)
      .filter((field) => !field.secret)
      .map((field) => `${table}.${field.key}`),
  );
}

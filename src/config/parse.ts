/** Merges the configuration file, the environment and flags into one checked Config. Precedence: flags, environment, file, defaults. */
import { nearest } from '../lib/nearest.ts';
import { isUuid } from '../lib/uuid.ts';
import { InvalidValue } from './kinds.ts';
import {
  type Config,
  type Connection,
  type CredentialTable,
  connectionFields,
  credentialFields,
  environmentVariable,
  type Field,
  type ModelMapping,
  type ModelPrice,
  mappingFields,
  priceFields,
  tables,
} from './schema.ts';
import { isTable, type Position, parseToml, type TomlDocument, TomlSyntaxError } from './toml/parse.ts';
import { renderKey } from './toml/render.ts';

export interface Problem {
  /** `error`: the configuration cannot be used. `warning`: it can be used, but is probably not what you meant. */
  severity: 'error' | 'warning';
  message: string;
  /** Undefined if the problem is not in the file. */
  position?: Position | undefined;
  /** The path of the setting that is missing, if that is the problem. */
  missing?: readonly string[];
}

export interface Sources {
  /** The content of the file; absent if it does not exist. */
  file?: string | undefined;
  env: NodeJS.ProcessEnv;
  /** Values by `table.key`, such as `jobs.max_jobs`. */
  flags: ReadonlyMap<string, string>;
}

export interface ParsedConfig {
  config: Config;
  /** In the order of the file, after those that are not in the file. */
  problems: Problem[];
}

type Fields = Record<string, Field<unknown>>;

/** Reads everything that can be read and collects every problem, so that you can fix them all at once. */
export function parseConfig(sources: Sources): ParsedConfig {
  const problems: Problem[] = [];
  const document = parseFile(sources.file, problems);
  const values: Record<string, unknown> = {};
  for (const [name, fields] of Object.entries<Fields>(tables)) {
    values[name] = readTable(name, fields, tableOf(document, [name], problems), document, sources, problems);
  }
  values['github'] = readConnections(document, problems);
  values['credentialTables'] = readCredentialTables(document, problems);
  values['modelMappings'] = readModelMappings(document, problems);
  const mappingsVariable = environmentVariable('runner', mappingsKey);
  if (sources.env[mappingsVariable]) problems.push(ignoredVariable(mappingsVariable));
  values['prices'] = readPrices(document, problems);
  problems.push(...unknownTables(document), ...unknownFlags(sources.flags));
  const config = values as Config;
  problems.push(...contradictions(config, document), ...doubtfulIds(config.github, document));
  return { config, problems: problems.toSorted((a, b) => (a.position?.line ?? 0) - (b.position?.line ?? 0)) };
}

/** Starts with the position in the file at `path`, if there is one. */
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
    // An empty variable counts as unset, because some shells and service files cannot unset one.
    const text = flag ?? (env[variable] || undefined);
    if (text === undefined) {
      values[name] = readFromFile([table], field, fromFile, document, problems);
    } else {
      const origin = flag === undefined ? `the environment’s ${variable}` : `--set ${table}.${field.key}`;
      // Files of secrets, for example in a cluster, usually end with a line break.
      const given = field.secret ? text.trim() : text;
      values[name] = attempt(() => field.kind.fromText(given), field.default, origin, undefined, problems);
    }
  }
  const keys = keysOf(table, fromFile);
  problems.push(...unknownKeys([table], fields, keys, document));
  return values;
}

/** Without the tables in it that are read apart. */
function keysOf(name: string, table: Record<string, unknown>): Record<string, unknown> {
  const isApart = (key: string, value: unknown) =>
    ((name === 'credentials' || name === 'limits') && isTable(value)) || (name === 'runner' && key === mappingsKey);
  return Object.fromEntries(Object.entries(table).filter(([key, value]) => !isApart(key, value)));
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

/** Skips connections with errors: with the default URL in place of an invalid one, a token would go to the wrong server. */
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

/** With a mistake in one of them, no runner starts. */
function readCredentialTables(document: TomlDocument, problems: Problem[]): Record<string, CredentialTable> {
  const found: Record<string, CredentialTable> = {};
  for (const [name, table] of Object.entries(tableOf(document, ['credentials'], []))) {
    if (!isTable(table)) continue;
    const path = ['credentials', name];
    const values: Record<string, unknown> = {};
    for (const [key, field] of Object.entries<Field<unknown>>(credentialFields)) {
      values[key] = readFromFile(path, field, table, document, problems);
      if (field.key !== 'header' && table[field.key] === undefined) {
        problems.push(missing(path, field, document));
      }
    }
    problems.push(...unknownKeys(path, credentialFields, table, document));
    found[name] = values as CredentialTable;
  }
  return found;
}

const mappingsKey = 'model_mappings';

const ignoredVariable = (name: string): Problem => ({
  severity: 'warning',
  message: `${name} in the environment is ignored: set [runner.${mappingsKey}."MODEL"] in the file`,
});

/** With a mistake in one of them, no runner starts: agents would use another model. */
function readModelMappings(document: TomlDocument, problems: Problem[]): Record<string, ModelMapping> {
  const path = ['runner', mappingsKey];
  const entries = Object.keys(tableOf(document, path, problems)).map((name) => {
    const ownPath = [...path, name];
    const table = tableOf(document, ownPath, problems);
    const values: Record<string, unknown> = {};
    for (const [key, field] of Object.entries<Field<unknown>>(mappingFields)) {
      values[key] = readFromFile(ownPath, field, table, document, problems);
      if (field.kind === mappingFields.model.kind && !table[field.key]) {
        problems.push(missing(ownPath, field, document));
      }
    }
    problems.push(...emptyName(ownPath, document), ...unknownKeys(ownPath, mappingFields, table, document));
    return [name, values as ModelMapping] as const;
  });
  return Object.fromEntries(entries);
}

/** A price with a mistake is none, so that its model is refused. */
function readPrices(document: TomlDocument, problems: Problem[]): Record<string, ModelPrice> {
  const found: Record<string, ModelPrice> = {};
  const limits = tableOf(document, ['limits'], []);
  const others = Object.keys(limits).filter((name) => name !== 'prices' && isTable(limits[name]));
  for (const name of others) problems.push(unknown('table', ['limits', name], ['prices'], document));
  for (const model of Object.keys(tableOf(document, ['limits', 'prices'], problems))) {
    const path = ['limits', 'prices', model];
    const table = tableOf(document, path, problems);
    const values: Record<string, unknown> = {};
    const mistakes: Problem[] = [];
    for (const [key, field] of Object.entries<Field<unknown>>(priceFields)) {
      values[key] = readFromFile(path, field, table, document, mistakes);
      if ((field.key === 'input' || field.key === 'output') && table[field.key] === undefined) {
        mistakes.push(missing(path, field, document));
      }
    }
    mistakes.push(...emptyName(path, document));
    problems.push(...mistakes, ...unknownKeys(path, priceFields, table, document));
    if (mistakes.length === 0) found[model] = values as ModelPrice;
  }
  return found;
}

/** No model has it. */
function emptyName(path: readonly string[], document: TomlDocument): Problem[] {
  if (path.at(-1) !== '') return [];
  const message = `${renderKey(path)} has an empty name: write that of a model`;
  return [{ severity: 'error', message, position: document.positionOf(path) }];
}

function missing(path: readonly string[], { key }: Field<unknown>, document: TomlDocument): Problem {
  const message = `${renderKey(path)} has no ${key}`;
  return { severity: 'error', message, position: document.positionOf(path), missing: [...path, key] };
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

/** Settings that are valid alone but not together. */
function contradictions({ queues, limits, prices }: Config, document: TomlDocument): Problem[] {
  const found: Problem[] = [];
  const warn = (path: readonly string[], message: string) =>
    found.push({ severity: 'warning', message, position: document.positionOf(path) });
  if (queues.scaleDownAt >= queues.scaleUpAt) {
    const why = 'queues would be added and removed under steady load';
    warn(['queues', 'scale_down_at'], `queues.scale_down_at is not below queues.scale_up_at: ${why}`);
  }
  if (limits.maxCost !== undefined && Object.keys(prices).length === 0)
    warn(
      ['limits', 'max_cost'],
      'limits.max_cost needs a price for each model in [limits.prices."MODEL"]: jobs are refused',
    );
  return found;
}

/** IDs that no task can refer to, and duplicates, of which the first is used. */
function doubtfulIds(connections: Record<string, Connection>, document: TomlDocument): Problem[] {
  const owners = new Map<string, string>();
  return Object.entries(connections).flatMap(([name, { connectionId }]): Problem[] => {
    if (!connectionId) return [];
    const path = ['github', name, 'connection_id'];
    const warning = (text: string): Problem[] => [
      { severity: 'warning', message: `${renderKey(path)} ${text}`, position: document.positionOf(path) },
    ];
    if (!isUuid(connectionId)) return warning('is not a UUID, so that no task can use the connection');
    const owner = owners.get(connectionId.toLowerCase());
    if (owner !== undefined) return warning(`is also the ID of ${renderKey(['github', owner])}, which is used instead`);
    owners.set(connectionId.toLowerCase(), name);
    return [];
  });
}

function unknownFlags(flags: ReadonlyMap<string, string>): Problem[] {
  const known = settableKeys();
  return [...flags.keys()]
    .filter((name) => !known.includes(name))
    .map((name) => {
      const variable = secretVariable(name);
      if (variable !== undefined) {
        const ways = `Pipe it in: "… | plan42 runner config set ${name}". Or set ${variable}`;
        return { severity: 'error', message: `--set does not accept ${name}, because it is a secret. ${ways}` };
      }
      const guess = nearest(name, known);
      const hint = guess === undefined ? '' : `, did you mean "${guess}"?`;
      return { severity: 'error', message: `unknown setting "${name}"${hint}` };
    });
}

/** The variable of a secret setting; undefined for all other names. */
function secretVariable(name: string): string | undefined {
  const [table = '', key = ''] = name.split('.');
  const fields = Object.entries<Fields>(tables).find(([known]) => known === table)?.[1] ?? {};
  const isSecret = Object.values(fields).some((field) => field.secret && `${table}.${field.key}` === name);
  return isSecret ? environmentVariable(table, key) : undefined;
}

/** The settings that `--set` accepts: all but secrets, which must not be on a command line. */
export function settableKeys(): string[] {
  return Object.entries<Fields>(tables).flatMap(([table, fields]) =>
    Object.values(fields)
      .filter((field) => !field.secret)
      .map((field) => `${table}.${field.key}`),
  );
}

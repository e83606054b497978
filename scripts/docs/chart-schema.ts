/** Renders values.schema.json of the chart: its part for `config` follows from the table of settings. */
import type { JsonSchema } from '../../src/config/kinds.ts';
import { credentialFields, type Field, mappingFields, priceFields, tables } from '../../src/config/schema.ts';

type Fields = Record<string, Field<unknown>>;
type Tree = Readonly<Record<string, unknown>>;

const lineWidth = 120;

/** With the part for `config` replaced. */
export function renderChartSchema(current: string): string {
  const schema = JSON.parse(current) as Tree & { properties: Tree };
  const properties = { ...schema.properties, config: configSchema() };
  return `${render({ ...schema, properties }, 0)}\n`;
}

/** The settings of another runtime have no place in it. The chart itself refuses secrets, and what it sets, with the way to go. */
function configSchema(): Tree {
  const { host: _, ...others } = tables;
  const ofTables = Object.entries<Fields>(others).map(([name, fields]) => [name, tableSchema(fields, subTables[name])]);
  const github = { type: 'object', description: 'its tables have tokens: use configSecret' };
  return {
    type: 'object',
    description: 'the runner’s configuration without secrets; docs/reference/configuration.md explains it',
    properties: { ...Object.fromEntries(ofTables), github },
    additionalProperties: false,
  };
}

/** Entries of tables that are no settings with a kind. */
const subTables: Readonly<Record<string, Tree>> = {
  runner: { properties: { model_mappings: namedTables(mappingFields, ['model']) } },
  limits: { properties: { prices: namedTables(priceFields, ['input', 'output']) } },
  credentials: { additionalProperties: tableSchema(credentialFields) },
};

function namedTables(fields: Fields, required: readonly string[]): Tree {
  return { type: 'object', additionalProperties: { ...tableSchema(fields), required } };
}

function tableSchema(fields: Fields, { properties, additionalProperties = false }: Tree = {}): Tree {
  const ofFields = Object.values(fields).map((field) => [field.key, fieldSchema(field)]);
  return {
    type: 'object',
    properties: { ...Object.fromEntries(ofFields), ...(properties as Tree | undefined) },
    additionalProperties,
  };
}

function fieldSchema({ kind, about, secret }: Field<unknown>): JsonSchema & { description: string } {
  // A schema names the value that it refuses.
  return { ...(secret ? withoutRules(kind.jsonSchema) : kind.jsonSchema), description: about };
}

function withoutRules({ type }: JsonSchema): JsonSchema {
  return type === undefined ? {} : { type };
}

/** As the formatter writes it: lists of plain values in one line if they fit, everything else in lines of its own. */
function render(value: unknown, depth: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const items = Array.isArray(value)
    ? value.map((item) => render(item, depth + 1))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${render(item, depth + 1)}`);
  const line = `${open}${items.join(', ')}${close}`;
  const isPlain = Array.isArray(value) && value.every((item) => typeof item !== 'object');
  if (items.length === 0 || (isPlain && depth * 2 + line.length < lineWidth - 30)) return line;
  const indent = '  '.repeat(depth);
  return `${open}\n${items.map((item) => `${indent}  ${item}`).join(',\n')}\n${indent}${close}`;
}

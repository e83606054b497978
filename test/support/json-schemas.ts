import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Json } from './json.ts';

const folder = join(import.meta.dirname, '../../docs/schemas');
const dateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** The names of the documented schemas. */
export const schemaNames = readdirSync(folder);

function compileAll(): Ajv2020 {
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, formats: { 'date-time': dateTime } });
  for (const name of schemaNames) {
    const schema = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    // Our own documents have nothing that isn't documented.
    ajv.addSchema(name.startsWith('runner-') ? closed(schema) : schema);
  }
  return ajv;
}

function closed(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const parts = Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, closed(part)]));
  return schema.type === 'object' && schema.properties ? { ...parts, additionalProperties: false } : parts;
}

let compiled: Ajv2020 | undefined;

/** Parses what a command has printed, and fails unless it is as the schema says. */
export function parseAs(name: string, text: string): Json {
  compiled ??= compileAll();
  const document = JSON.parse(text);
  compiled.validate(name, document);
  assert.deepEqual(compiled.errors ?? [], [], `${name}: ${text}`);
  return document;
}

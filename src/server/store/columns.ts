import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type * as v from 'valibot';

/** How a field is stored in a column. */
export interface ColumnCodec {
  toSql: (value: unknown) => SQLInputValue;
  fromSql: (value: SQLOutputValue) => unknown;
}

// STRICT tables enforce the column types, so values need no validation when they are read.
const plain: ColumnCodec = { toSql: (value) => value as SQLInputValue, fromSql: (value) => value };
const flag: ColumnCodec = { toSql: (value) => (value ? 1 : 0), fromSql: (value) => value === 1 };
const json: ColumnCodec = { toSql: (value) => JSON.stringify(value), fromSql: (value) => JSON.parse(String(value)) };

/** Derives the column of a field from its schema. */
export function codecOf(schema: v.GenericSchema): ColumnCodec {
  switch (schema.type) {
    case 'string':
    case 'number':
      return plain;
    case 'boolean':
      return flag;
    case 'array':
    case 'record':
      return json;
    case 'optional':
      return orWithout(schema, undefined);
    case 'nullable':
      return orWithout(schema, null);
    default:
      throw new Error(`there is no column type for ${schema.type}`);
  }
}

/** Returns the type of the values in a column that is a text or a number. */
export function baseType(schema: v.GenericSchema): 'string' | 'number' {
  const { wrapped } = schema as unknown as { wrapped?: v.GenericSchema };
  if (wrapped) return baseType(wrapped);
  if (schema.type === 'string' || schema.type === 'number') return schema.type;
  throw new Error(`a list cannot be in the order of ${schema.type}`);
}

/** A missing value is `NULL` in SQL, and `absent` in the object. */
function orWithout(schema: v.GenericSchema, absent: null | undefined): ColumnCodec {
  const { toSql, fromSql } = codecOf((schema as unknown as { wrapped: v.GenericSchema }).wrapped);
  return {
    toSql: (value) => (value === absent ? null : toSql(value)),
    fromSql: (value) => (value === null ? absent : fromSql(value)),
  };
}

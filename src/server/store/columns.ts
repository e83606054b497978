import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { Versioned } from '../../plan42/objects.ts';

/** How a field is stored in a column. */
export interface Column<T> {
  toSql: (value: T) => SQLInputValue;
  fromSql: (value: SQLOutputValue) => T;
}

export type Columns<Row> = { readonly [Name in keyof Row]-?: Column<Row[Name]> };

// STRICT tables enforce the column types, so the casts below are safe.

export const text: Column<string> = { toSql: (value) => value, fromSql: (value) => value as string };

export const integer: Column<number> = { toSql: (value) => value, fromSql: (value) => value as number };

export const flag: Column<boolean> = { toSql: (value) => (value ? 1 : 0), fromSql: (value) => value === 1 };

export const json = <T>(): Column<T> => ({
  toSql: (value) => JSON.stringify(value),
  fromSql: (value) => JSON.parse(value as string) as T,
});

/** A field that is `null` without a value. */
export const nullable = <T>(column: Column<T>): Column<T | null> => ({
  toSql: (value) => (value === null ? null : column.toSql(value)),
  fromSql: (value) => (value === null ? null : column.fromSql(value)),
});

/** A field that is absent without a value. */
export const omitted = <T>(column: Column<T>): Column<T | undefined> => ({
  toSql: (value) => (value === undefined ? null : column.toSql(value)),
  fromSql: (value) => (value === null ? undefined : column.fromSql(value)),
});

export const versioned: Columns<Versioned> = { CreatedAt: text, UpdatedAt: text, Version: integer };

import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';

/** How a field is kept in a column. */
export interface Column<T> {
  toSql: (value: T) => SQLInputValue;
  fromSql: (value: SQLOutputValue) => T;
}

export type Columns<Row> = { readonly [Name in keyof Row]-?: Column<Row[Name]> };

/** The fields that every versioned object has. */
export interface Versioned {
  CreatedAt: string;
  UpdatedAt: string;
  Version: number;
}

// STRICT tables hold what their columns say, so the casts below state facts.

export const text: Column<string> = { toSql: (value) => value, fromSql: (value) => value as string };

export const integer: Column<number> = { toSql: (value) => value, fromSql: (value) => value as number };

export const flag: Column<boolean> = { toSql: (value) => (value ? 1 : 0), fromSql: (value) => value === 1 };

export const json = <T>(): Column<T> => ({
  toSql: (value) => JSON.stringify(value),
  fromSql: (value) => JSON.parse(value as string) as T,
});

/** A field that is written as `null` when it has no value. */
export const nullable = <T>(column: Column<T>): Column<T | null> => ({
  toSql: (value) => (value === null ? null : column.toSql(value)),
  fromSql: (value) => (value === null ? null : column.fromSql(value)),
});

/** A field that is left out when it has no value. */
export const omitted = <T>(column: Column<T>): Column<T | undefined> => ({
  toSql: (value) => (value === undefined ? null : column.toSql(value)),
  fromSql: (value) => (value === null ? undefined : column.fromSql(value)),
});

export const versioned: Columns<Versioned> = { CreatedAt: text, UpdatedAt: text, Version: integer };

import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type * as v from 'valibot';
import type { ObjectOf } from '../../plan42/fields.ts';
import { baseType, type ColumnCodec, codecOf } from './columns.ts';
import type { Database } from './database.ts';
import { patternOf } from './search.ts';

interface TableDefinition<Row, Key extends keyof Row> {
  /** The API's name of the type (`CurrentType`). */
  type: string;
  name: string;
  key: readonly Key[];
  /** The order of lists. Pages continue after these values, so they must be unique and never change. */
  order: readonly (keyof Row & string)[];
  /** Whether rows may have more fields than the definition, which are kept together in the column `OtherFields`. */
  keepsOthers?: boolean;
}

const othersColumn = 'OtherFields';

/** The values that rows must have to be in a list. Undefined ones are ignored. */
export type RowFilter<Row> = { [Name in keyof Row]?: Row[Name] | undefined };

/** Limits a list to rows with `from <= column < below`. */
export interface RowRange<Row> {
  column: keyof Row & string;
  from: string | number;
  below: string | number;
}

/** The columns that define the order of a list, with the types of their values. */
export type PageOrder = Readonly<Record<string, 'string' | 'number'>>;

export interface PageRequest {
  maxResults: number;
  /** The page ends early if its texts are longer than that together. */
  maxChars: number;
  /** The `next` of the previous page. */
  after: readonly SQLInputValue[] | undefined;
  /** Reverses the order. */
  descending?: boolean;
}

/** Rows of which one of the columns contains a text. */
export interface RowSearch<Row> {
  columns: readonly (keyof Row & string)[];
  text: string;
}

export interface Page<Row> {
  items: Row[];
  next: readonly SQLInputValue[] | undefined;
}

/** A table whose rows are objects of the API. Columns that are not in the definition are never touched. */
export class Table<Row extends object, Key extends keyof Row & string> {
  readonly type: string;
  readonly order: PageOrder;
  /** The names of the fields, without the others that rows may have. */
  readonly fields: readonly string[];
  readonly #database: Database;
  readonly #definition: TableDefinition<Row, Key>;
  readonly #codecs: Map<keyof Row, ColumnCodec>;
  readonly #names: (keyof Row & string)[];
  readonly #columns: readonly string[];
  readonly #select: string;
  readonly #whereKey: string;

  constructor(database: Database, fields: v.ObjectEntries, definition: TableDefinition<Row, Key>) {
    this.type = definition.type;
    this.order = Object.fromEntries(definition.order.map((name) => [name, baseType(fields[name] as v.GenericSchema)]));
    this.#database = database;
    this.#definition = definition;
    this.#names = Object.keys(fields) as (keyof Row & string)[];
    this.fields = this.#names;
    this.#columns = [...this.#names, ...(definition.keepsOthers ? [othersColumn] : [])];
    this.#codecs = new Map(this.#names.map((name) => [name, codecOf(fields[name] as v.GenericSchema)]));
    this.#select = `SELECT ${this.#columns.map((name) => `${definition.name}.${name}`).join(', ')} FROM ${definition.name}`;
    this.#whereKey = `WHERE ${definition.key.map((name) => `${name} = ?`).join(' AND ')}`;
  }

  find(key: Pick<Row, Key>): Row | undefined {
    const row = this.#database.statement(`${this.#select} ${this.#whereKey}`).get(...this.#keyOf(key));
    return row && this.#read(row);
  }

  /** @throws if the key exists */
  insert(row: Row): void {
    const sql = `INSERT INTO ${this.#definition.name} (${this.#columns.join(', ')}) VALUES (${this.#columns.map(() => '?').join(', ')})`;
    this.#database.statement(sql).run(...this.#values(row));
  }

  /** Replaces the row that has the same key. */
  update(row: Row): void {
    const sql = `UPDATE ${this.#definition.name} SET ${this.#columns.map((name) => `${name} = ?`).join(', ')} ${this.#whereKey}`;
    this.#database.statement(sql).run(...this.#values(row), ...this.#keyOf(row));
  }

  remove(key: Pick<Row, Key>): void {
    this.#database.statement(`DELETE FROM ${this.#definition.name} ${this.#whereKey}`).run(...this.#keyOf(key));
  }

  count(): number {
    const row = this.#database.statement(`SELECT COUNT(*) AS Count FROM ${this.#definition.name}`).get();
    return Number(row?.['Count']);
  }

  /** Returns one page, in the table's order or its reverse. It may be short of `maxResults`, because its size is limited. */
  list(
    filter: RowFilter<Row>,
    { maxResults, maxChars, after, descending = false }: PageRequest,
    range?: RowRange<Row>,
    search?: RowSearch<Row>,
  ): Page<Row> {
    const order = this.#definition.order;
    const filtered = this.#names.filter((name) => filter[name] !== undefined);
    const where = filtered.map((name) => `${name} = ?`);
    const values = filtered.map((name) => this.#toSql(name, filter[name]));
    if (range) {
      where.push(`${range.column} >= ?`, `${range.column} < ?`);
      values.push(range.from, range.below);
    }
    if (search) {
      where.push(`(${search.columns.map((name) => `${name} LIKE ? ESCAPE '\\'`).join(' OR ')})`);
      values.push(...search.columns.map(() => patternOf(search.text)));
    }
    if (after) {
      where.push(`(${order.join(', ')}) ${descending ? '<' : '>'} (${after.map(() => '?').join(', ')})`);
      values.push(...after);
    }
    const sorted = order.map((name) => (descending ? `${name} DESC` : name)).join(', ');
    const tail = `WHERE ${where.join(' AND ') || 'TRUE'} ORDER BY ${sorted} LIMIT ?`;
    const rows = this.#database.statement(`${this.#select} ${tail}`).iterate(...values, maxResults + 1);
    const { items, hasMore } = takeRows(rows, maxResults, maxChars);
    const last = items.at(-1);
    const next = hasMore && last ? order.map((name) => last[name] ?? null) : undefined;
    return { items: items.map((row) => this.#read(row)), next };
  }

  /** Returns the rows selected by a hand-written end of the statement (`JOIN`, `WHERE`, …). */
  select(tail: string, ...values: SQLInputValue[]): Row[] {
    const rows = this.#database.statement(`${this.#select} ${tail}`).all(...values);
    return rows.map((row) => this.#read(row));
  }

  #keyOf(row: Pick<Row, Key>): SQLInputValue[] {
    return this.#definition.key.map((name) => this.#toSql(name, row[name]));
  }

  #values(row: Row): SQLInputValue[] {
    const values = this.#names.map((name) => this.#toSql(name, row[name]));
    return this.#definition.keepsOthers ? [...values, this.#othersOf(row)] : values;
  }

  #othersOf(row: Row): string | null {
    const others = Object.entries(row).filter(([name]) => !this.#codecs.has(name as keyof Row));
    return others.length === 0 ? null : JSON.stringify(Object.fromEntries(others));
  }

  #toSql(name: keyof Row, value: unknown): SQLInputValue {
    return this.#codecs.get(name)?.toSql(value) ?? null;
  }

  #read(row: SqlRow): Row {
    const known = this.#names.map((name) => [name, this.#codecs.get(name)?.fromSql(row[name] ?? null)] as const);
    const others = row[othersColumn];
    const more = typeof others === 'string' ? Object.entries(JSON.parse(others) as object) : [];
    return Object.fromEntries([...more, ...known]) as Row;
  }
}

type SqlRow = Record<string, SQLOutputValue>;

/** Takes up to `max` rows, or fewer that together are large, but at least one. */
export function takeRows(rows: Iterable<SqlRow>, max: number, maxChars: number): { items: SqlRow[]; hasMore: boolean } {
  const items: SqlRow[] = [];
  let size = 0;
  for (const row of rows) {
    for (const value of Object.values(row)) size += typeof value === 'string' ? value.length : 8;
    if (items.length === max || (items.length > 0 && size > maxChars)) return { items, hasMore: true };
    items.push(row);
  }
  return { items, hasMore: false };
}

/** Creates a table whose columns have the names of the fields. */
export function createTable<const Fields extends v.ObjectEntries, const Key extends keyof ObjectOf<Fields> & string>(
  database: Database,
  fields: Fields,
  definition: TableDefinition<ObjectOf<Fields>, Key>,
): Table<ObjectOf<Fields>, Key> {
  return new Table(database, fields, definition);
}

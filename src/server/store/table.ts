import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { Columns } from './columns.ts';
import type { Database } from './database.ts';

interface TableDefinition<Row, Key extends keyof Row> {
  /** The API's name of the type (`CurrentType`). */
  type: string;
  name: string;
  columns: Columns<Row>;
  key: readonly Key[];
  /** The order of lists. Pages continue after these values, so they must be unique and never change. */
  order: readonly (keyof Row & string)[];
}

/** A filter of a list. Ignored if its value is undefined. */
export type Condition<Row> = {
  [Name in keyof Row & string]: readonly [column: Name, operator: '=' | '>=' | '<', value: Row[Name] | undefined];
}[keyof Row & string];

export interface PageRequest {
  maxResults: number;
  /** The `next` of the previous page. */
  after: readonly SQLInputValue[] | undefined;
  /** Reverses the order. */
  descending?: boolean;
}

export interface Page<Row> {
  items: Row[];
  next: readonly SQLInputValue[] | undefined;
}

/** A table whose rows are objects of the API. Columns that are not in the definition are never touched. */
export class Table<Row extends object, Key extends keyof Row & string> {
  readonly type: string;
  readonly order: readonly string[];
  readonly #database: Database;
  readonly #definition: TableDefinition<Row, Key>;
  readonly #names: (keyof Row & string)[];
  readonly #select: string;
  readonly #whereKey: string;

  constructor(database: Database, definition: TableDefinition<Row, Key>) {
    this.type = definition.type;
    this.order = definition.order;
    this.#database = database;
    this.#definition = definition;
    this.#names = Object.keys(definition.columns) as (keyof Row & string)[];
    this.#select = `SELECT ${this.#names.map((name) => `${definition.name}.${name}`).join(', ')} FROM ${definition.name}`;
    this.#whereKey = `WHERE ${definition.key.map((name) => `${name} = ?`).join(' AND ')}`;
  }

  find(key: Pick<Row, Key>): Row | undefined {
    const row = this.#database.statement(`${this.#select} ${this.#whereKey}`).get(...this.#keyOf(key));
    return row && this.#read(row);
  }

  /** @throws if the key exists */
  insert(row: Row): void {
    const sql = `INSERT INTO ${this.#definition.name} (${this.#names.join(', ')}) VALUES (${this.#names.map(() => '?').join(', ')})`;
    this.#database.statement(sql).run(...this.#values(row));
  }

  /** Replaces the row that has the same key. */
  update(row: Row): void {
    const sql = `UPDATE ${this.#definition.name} SET ${this.#names.map((name) => `${name} = ?`).join(', ')} ${this.#whereKey}`;
    this.#database.statement(sql).run(...this.#values(row), ...this.#keyOf(row));
  }

  remove(key: Pick<Row, Key>): void {
    this.#database.statement(`DELETE FROM ${this.#definition.name} ${this.#whereKey}`).run(...this.#keyOf(key));
  }

  /** Returns one page, in the table's order or its reverse. */
  list(conditions: readonly Condition<Row>[], { maxResults, after, descending = false }: PageRequest): Page<Row> {
    const used = conditions.filter(([, , value]) => value !== undefined);
    const { order: names } = this.#definition;
    const order = names.map((name) => (descending ? `${name} DESC` : name)).join(', ');
    const where = used.map(([name, operator]) => `${name} ${operator} ?`);
    if (after) where.push(`(${names.join(', ')}) ${descending ? '<' : '>'} (${after.map(() => '?').join(', ')})`);
    const values = used.map(([name, , value]) => this.#value(name, value as Row[typeof name]));
    const tail = `WHERE ${where.join(' AND ') || 'TRUE'} ORDER BY ${order} LIMIT ?`;
    const items = this.select(tail, ...values, ...(after ?? []), maxResults + 1);
    const last = items.length > maxResults ? items[maxResults - 1] : undefined;
    const next = last && this.#definition.order.map((name) => this.#value(name, last[name]));
    return { items: items.slice(0, maxResults), next };
  }

  /** Returns the rows selected by a hand-written end of the statement (`JOIN`, `WHERE`, …). */
  select(tail: string, ...values: SQLInputValue[]): Row[] {
    const rows = this.#database.statement(`${this.#select} ${tail}`).all(...values);
    return rows.map((row) => this.#read(row));
  }

  #keyOf(row: Pick<Row, Key>): SQLInputValue[] {
    return this.#definition.key.map((name) => this.#value(name, row[name]));
  }

  #values(row: Row): SQLInputValue[] {
    return this.#names.map((name) => this.#value(name, row[name]));
  }

  #value<Name extends keyof Row>(name: Name, value: Row[Name]): SQLInputValue {
    return this.#definition.columns[name].toSql(value);
  }

  #read(row: Record<string, SQLOutputValue>): Row {
    const { columns } = this.#definition;
    return Object.fromEntries(this.#names.map((name) => [name, columns[name].fromSql(row[name] ?? null)])) as Row;
  }
}

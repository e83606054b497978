/** Reads and writes of versioned objects, the same for all types. */

import type { Clock } from '../../lib/clock.ts';
import type { Versioned } from '../../plan42/objects.ts';
import type { Table } from '../store/table.ts';
import { conflict, notFound } from './errors.ts';
import { requireFit, requireRoom } from './quotas.ts';
import { isoTime } from './time.ts';

type SoftDeleted = Versioned & { Deleted: boolean };

/** @throws DomainError `notFound` */
export function read<Row extends object, Key extends keyof Row & string>(
  table: Table<Row, Key>,
  key: Pick<Row, Key>,
): Row {
  const row = table.find(key);
  if (!row) throw notFound(`no such ${table.type}`);
  return row;
}

/** @throws DomainError `notFound`, also for a deleted object unless `includeDeleted` */
export function readUndeleted<Row extends SoftDeleted, Key extends keyof Row & string>(
  table: Table<Row, Key>,
  key: Pick<Row, Key>,
  includeDeleted = false,
): Row {
  const row = read(table, key);
  if (row.Deleted && !includeDeleted) throw notFound(`the ${table.type} was deleted`);
  return row;
}

/** @throws DomainError `conflict` with the object that already has the ID; `tooLarge` */
export function create<Row extends object, Key extends keyof Row & string>(table: Table<Row, Key>, row: Row): Row {
  const existing = table.find(row);
  if (existing) throw conflict(`the ${table.type} already exists`, table.type, existing);
  requireRoom(table);
  requireFit(table, row);
  table.insert(row);
  return row;
}

/** @throws DomainError `conflict` with the current object */
export function requireVersion(table: { type: string }, row: { Version: number }, version: number): void {
  if (row.Version !== version)
    throw conflict(`the ${table.type} has version ${row.Version}, not ${version}`, table.type, row);
}

/** Returns the row with the changes. A changed field replaces one that differs in capitals, because clients in Go read both as one. */
export function withChanges<Row extends object>(row: Row, changes: NoInfer<Partial<Row>>): Row {
  const changed = new Map(Object.keys(changes).map((name) => [name.toLowerCase(), name]));
  const kept = Object.entries(row).filter(([name]) => (changed.get(name.toLowerCase()) ?? name) === name);
  return { ...Object.fromEntries(kept), ...changes } as Row;
}

/** Writes the changed object as its next version. @throws DomainError `tooLarge` */
export function change<Row extends Versioned, Key extends keyof Row & string>(
  table: Table<Row, Key>,
  row: Row,
  changes: Partial<Row>,
  clock: Clock,
): Row {
  const changed = { ...withChanges(row, changes), UpdatedAt: isoTime(clock.date()), Version: row.Version + 1 };
  if (Object.keys(changes).length > 0) requireFit(table, changed, row);
  table.update(changed);
  return changed;
}

/** Marks the object as deleted. @throws DomainError `notFound` or `conflict` */
export function softDelete<Row extends SoftDeleted, Key extends keyof Row & string>(
  table: Table<Row, Key>,
  key: Pick<Row, Key>,
  version: number,
  clock: Clock,
): Row {
  const row = readUndeleted(table, key);
  requireVersion(table, row, version);
  // The compiler cannot derive that a type with a boolean `Deleted` has this part.
  return change(table, row, { Deleted: true } as Partial<Row>, clock);
}

/** Returns the fields that every new object starts with. */
export function firstVersion(clock: Clock): Versioned {
  const now = isoTime(clock.date());
  return { CreatedAt: now, UpdatedAt: now, Version: 1 };
}

import type { Edit } from '../config/toml/edit.ts';
import type { TomlValue } from '../config/toml/render.ts';
import {
  type ConnectionForm,
  connectionKey,
  type FileConnection,
  type FileForm,
  type ModelForm,
  modelKeys,
  type RunnerForm,
} from './form.ts';

/** A private connection of the tenant. */
export interface TenantConnection {
  id: string;
  name: string;
}

export interface Draft {
  runner: RunnerForm;
  models: ModelForm;
  /** All connections of the tenant and of the file. */
  connections: ReadonlyMap<string, ConnectionForm>;
  /** Keys of connections to remove from the file. */
  removed: readonly string[];
}

/** Returns the edits that turn the file into the draft; empty if they are equal. */
export function editsFor(base: FileForm, draft: Draft, tenant: readonly TenantConnection[]): Edit[] {
  const { token, url, runtime } = draft.runner;
  const taken = new Set(base.connections.map(({ table }) => table));
  return [
    // A new file contains the URL explicitly.
    ...change(['runner', 'url'], base.exists ? base.runner.url : '', url),
    ...change(['runner', 'token'], base.runner.token, token),
    ...change(['runner', 'runtime'], base.runner.runtime ?? '', runtime ?? ''),
    ...modelKeys.flatMap((key) => change(['runner', key], base.models[key], draft.models[key])),
    ...tenant.flatMap((connection) => {
      const key = connectionKey(connection.id);
      const form = draft.connections.get(key);
      if (form === undefined) return [];
      const present = base.connections.find((candidate) => candidate.key === key);
      return present ? update(present, connection, form) : add(uniqueTable(connection.name, taken), connection, form);
    }),
    ...base.connections
      .filter(({ key }) => !tenant.some(({ id }) => connectionKey(id) === key))
      .flatMap((present) => {
        if (draft.removed.includes(present.key)) return [{ type: 'unset' as const, path: ['github', present.table] }];
        const form = draft.connections.get(present.key);
        return form === undefined ? [] : fieldChanges(present, form);
      }),
  ];
}

function update(present: FileConnection, { name }: TenantConnection, form: ConnectionForm): Edit[] {
  const rename = name === '' ? [] : change(['github', present.table, 'name'], present.name ?? '', name);
  return [...rename, ...fieldChanges(present, form)];
}

function fieldChanges(present: FileConnection, { url, token }: ConnectionForm): Edit[] {
  const path = ['github', present.table];
  return [...change([...path, 'url'], present.url, url), ...change([...path, 'token'], present.token, token)];
}

function add(table: string, { id, name }: TenantConnection, { url, token }: ConnectionForm): Edit[] {
  const set = (key: string, value: TomlValue): Edit => ({ type: 'set', path: ['github', table, key], value });
  return [
    ...(name === '' ? [] : [set('name', name)]),
    ...(url === '' ? [] : [set('url', url)]),
    set('connection_id', id),
    ...(token === '' ? [] : [set('token', token)]),
  ];
}

function change(path: readonly string[], before: string, after: string): Edit[] {
  if (before === after) return [];
  return [after === '' ? { type: 'unset', path } : { type: 'set', path, value: after }];
}

/** Returns an unused name for the table of a connection, because several connections can have one name. */
function uniqueTable(name: string, taken: Set<string>): string {
  // Every object has this property.
  const base = name === '' || name === '__proto__' ? 'connection' : name;
  let table = base;
  for (let n = 2; taken.has(table); n += 1) table = `${base}-${n}`;
  taken.add(table);
  return table;
}

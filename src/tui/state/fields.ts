import { type ConnectionForm, connectionKey, defaultGithubUrl } from '../form.ts';
import type { FieldId, State } from './state.ts';

export interface Field {
  id: FieldId;
  kind: 'text' | 'secret' | 'choice' | 'button';
  /** Fields of one section stand together: `runner`, the key of a connection, `buttons`. */
  section: string;
}

/** A connection as a section of the screen. */
export interface ConnectionView extends ConnectionForm {
  key: string;
  id: string;
  name: string;
  /** Why only the file has it, and it can be removed; undefined for those of the tenant. */
  stray?: 'gone' | 'without an ID' | 'double';
}

const runnerFields: readonly Field[] = [
  { id: 'token', kind: 'secret', section: 'runner' },
  { id: 'url', kind: 'text', section: 'runner' },
  { id: 'runtime', kind: 'choice', section: 'runner' },
];
const buttons: readonly Field[] = [
  { id: 'ok', kind: 'button', section: 'buttons' },
  { id: 'cancel', kind: 'button', section: 'buttons' },
];

/** What can have the focus, from the top to the bottom. Connections are known once the server has taken the token. */
export function fieldsOf(state: State): Field[] {
  const connections = connectionsOf(state).flatMap(({ key, stray }): Field[] => {
    const texts: Field[] = [
      { id: `github:${key}:url`, kind: 'text', section: key },
      { id: `github:${key}:token`, kind: 'secret', section: key },
    ];
    return stray ? texts.concat({ id: `github:${key}:remove`, kind: 'button', section: key }) : texts;
  });
  return [...runnerFields, ...connections, ...buttons];
}

export function focusedField(state: State): Field {
  const fields = fieldsOf(state);
  // There is always a first one.
  return fields.find(({ id }) => id === state.focus) ?? (fields[0] as Field);
}

/** The tenant's connections as the server lists them, then those that only the file has. */
export function connectionsOf(state: State): ConnectionView[] {
  if (state.validation.phase !== 'valid') return [];
  const { tenant, base, draft } = state;
  const known = tenant.map(({ id, name }): ConnectionView => {
    const key = connectionKey(id);
    const { url, token } = connectionForm(state, key);
    return { key, id, name, url, token };
  });
  const strays = base.connections
    .filter(({ key }) => !known.some((connection) => connection.key === key) && !draft.removed.includes(key))
    .map(({ key, id, name, table }): ConnectionView => {
      const { url, token } = connectionForm(state, key);
      const stray = id === undefined ? 'without an ID' : key === connectionKey(id) ? 'gone' : 'double';
      return { key, id: id ?? '', name: name ?? table, stray, url, token };
    });
  return [...known, ...strays];
}

/** What was typed, else what the file has. */
export function connectionForm({ draft, base }: State, key: string): ConnectionForm {
  const present = draft.connections.get(key) ?? base.connections.find((connection) => connection.key === key);
  return { url: present?.url ?? defaultGithubUrl, token: present?.token ?? '' };
}

/** The text of a text field; empty for others. */
export function textOf(state: State, id: FieldId): string {
  if (id === 'token' || id === 'url') return state.draft.runner[id];
  const part = connectionPart(id);
  return part === undefined ? '' : connectionForm(state, part.key)[part.name];
}

export function withText(state: State, id: FieldId, value: string): State {
  const { draft } = state;
  if (id === 'token' || id === 'url') {
    return { ...state, draft: { ...draft, runner: { ...draft.runner, [id]: value } } };
  }
  const part = connectionPart(id);
  if (part === undefined) return state;
  const form = { ...connectionForm(state, part.key), [part.name]: value };
  return { ...state, draft: { ...draft, connections: new Map(draft.connections).set(part.key, form) } };
}

/** Which text of which connection a field is. */
export function connectionPart(id: FieldId): { key: string; name: 'url' | 'token' } | undefined {
  const [, key, name] = /^github:(.*):(url|token)$/s.exec(id) ?? [];
  return key === undefined ? undefined : { key, name: name as 'url' | 'token' };
}

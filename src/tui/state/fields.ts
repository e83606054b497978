import { type ConnectionForm, connectionKey, defaultGithubUrl, isModelKey, modelKeys } from '../form.ts';
import type { FieldId, State } from './state.ts';

export interface FormField {
  id: FieldId;
  kind: 'text' | 'secret' | 'choice' | 'button';
  /** `runner`, the key of a connection, `models`, or `buttons`. */
  section: string;
}

/** A connection as a section of the screen. */
export interface ConnectionView extends ConnectionForm {
  key: string;
  id: string;
  name: string;
  /** Why it can be removed; undefined for connections of the tenant. */
  stray?: 'gone' | 'without an ID' | 'double';
}

const runnerFields: readonly FormField[] = [
  { id: 'token', kind: 'secret', section: 'runner' },
  { id: 'url', kind: 'text', section: 'runner' },
  { id: 'runtime', kind: 'choice', section: 'runner' },
];
const models = modelKeys.map(
  (id): FormField => ({ id, kind: id.endsWith('_token') ? 'secret' : 'text', section: 'models' }),
);
const buttons: readonly FormField[] = [
  { id: 'ok', kind: 'button', section: 'buttons' },
  { id: 'cancel', kind: 'button', section: 'buttons' },
];

/** All focusable fields from top to bottom. Connections of the tenant appear when the server has accepted the token. */
export function fieldsOf(state: State): FormField[] {
  const connections = connectionsOf(state).flatMap(({ key, stray }): FormField[] => {
    const texts: FormField[] = [
      { id: `github:${key}:url`, kind: 'text', section: key },
      { id: `github:${key}:token`, kind: 'secret', section: key },
    ];
    return stray ? texts.concat({ id: `github:${key}:remove`, kind: 'button', section: key }) : texts;
  });
  return [...runnerFields, ...connections, ...(state.validation.phase === 'valid' ? models : []), ...buttons];
}

export function focusedField(state: State): FormField {
  const fields = fieldsOf(state);
  // There is always at least one field.
  return fields.find(({ id }) => id === state.focus) ?? (fields[0] as FormField);
}

/** The connections of the tenant in the server's order, then those that are only in the file. */
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

/** The edited values, or those of the file. */
export function connectionForm({ draft, base }: State, key: string): ConnectionForm {
  const present = draft.connections.get(key) ?? base.connections.find((connection) => connection.key === key);
  return { url: present?.url ?? defaultGithubUrl, token: present?.token ?? '' };
}

/** The text of a text field; empty for others. */
export function textOf(state: State, id: FieldId): string {
  if (id === 'token' || id === 'url') return state.draft.runner[id];
  if (isModelKey(id)) return state.draft.models[id];
  const part = connectionPart(id);
  return part === undefined ? '' : connectionForm(state, part.key)[part.name];
}

export function withText(state: State, id: FieldId, value: string): State {
  const { draft } = state;
  if (id === 'token' || id === 'url') {
    return { ...state, draft: { ...draft, runner: { ...draft.runner, [id]: value } } };
  }
  if (isModelKey(id)) return { ...state, draft: { ...draft, models: { ...draft.models, [id]: value } } };
  const part = connectionPart(id);
  if (part === undefined) return state;
  const form = { ...connectionForm(state, part.key), [part.name]: value };
  return { ...state, draft: { ...draft, connections: new Map(draft.connections).set(part.key, form) } };
}

/** The connection and the setting of a field. */
export function connectionPart(id: FieldId): { key: string; name: 'url' | 'token' } | undefined {
  const [, key, name] = /^github:(.*):(url|token)$/s.exec(id) ?? [];
  return key === undefined ? undefined : { key, name: name as 'url' | 'token' };
}

import { InvalidValue, type Kind, providerUrl, serverUrl } from '../../config/kinds.ts';
import { type ConnectionForm, type FileForm, modelKeys } from '../form.ts';
import { editsFor } from '../form-edits.ts';
import { readinessNote } from '../readiness-note.ts';
import { connectionsOf } from './fields.ts';
import { focusOn } from './focus.ts';
import { type AfterSave, type FieldId, type State, type Step, step } from './state.ts';
import { startValidation } from './validation.ts';

/** Saves when the server has accepted the token and all fields are valid. */
export function requestSave(state: State, goal: AfterSave): Step {
  const { validation } = state;
  if (validation.phase === 'running') return step({ ...state, validation: { ...validation, goal } });
  if (validation.phase !== 'valid') return startValidation(state, goal);
  if (state.conflict) return step(withError(state, conflictText(state)));
  const mistake = findMistake(state);
  if (mistake) return step(withError(focusOn(state, mistake.id), mistake.text));
  const connections = new Map(connectionsOf(state).map(({ key, url, token }) => [key, { url, token }]));
  const edits = editsFor(state.base, { ...state.draft, connections }, state.tenant);
  const note = readinessNote(state.draft.runner.runtime, state.runtimes);
  return step(
    { ...state, saving: true, message: undefined },
    { type: 'save', edits, goal, ...(note === undefined ? {} : { note }) },
  );
}

function findMistake(state: State): { id: FieldId; text: string } | undefined {
  for (const { key, name, url, token } of connectionsOf(state)) {
    // Without a URL, the token would be sent to github.com.
    if (url === '' && token !== '') return { id: `github:${key}:url`, text: `missing server url of ${name}` };
    const reason = url === '' ? undefined : urlProblem(url);
    if (reason !== undefined)
      return { id: `github:${key}:url`, text: `invalid server url of ${name}: it is ${reason}` };
  }
  for (const id of modelKeys.filter((key) => key.endsWith('_endpoint'))) {
    const reason = urlProblem(state.draft.models[id], providerUrl);
    if (reason !== undefined) return { id, text: `invalid ${id}: it is ${reason}` };
  }
  return undefined;
}

function urlProblem(url: string, kind: Kind<unknown> = serverUrl): string | undefined {
  try {
    kind.fromToml(url);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidValue) return error.message;
    throw error;
  }
}

export function onSaved(state: State, base: FileForm, message: string, goal: AfterSave): Step {
  const saved: State = { ...afterReading(state, base), saving: false, message: { kind: 'info', text: message } };
  return goal === 'leave' ? step(saved, { type: 'leave', how: 'saved' }) : step(saved);
}

export function onNotSaved(state: State, message: string, conflict: boolean): State {
  const next = { ...state, saving: false, conflict };
  return withError(next, conflict ? conflictText(state) : message);
}

function conflictText({ path }: State): string {
  return `Not saved: ${path} has changed since it was read. Press Ctrl-L to read it again and keep your changes.`;
}

/** Keeps unsaved changes, and takes everything else from the file. */
export function onReloaded(state: State, base: FileForm): State {
  if (!base.exists && state.base.exists) return onFileGone(state, base);
  const { draft } = state;
  const runner = merge(draft.runner, state.base.runner, base.runner);
  const models = merge(draft.models, state.base.models, base.models);
  const connections = [...draft.connections].map(([key, form]) => {
    const before = connectionIn(state.base, key);
    const after = connectionIn(base, key);
    return [key, before === undefined || after === undefined ? form : merge(form, before, after)] as const;
  });
  const other = runner.token !== draft.runner.token || runner.url !== draft.runner.url;
  const next: State = {
    ...afterReading({ ...state, draft: { ...draft, runner, models, connections: new Map(connections) } }, base),
    conflict: false,
    validation: other ? { phase: 'none' } : state.validation,
    message: { kind: 'info', text: 'Read the file again. Your changes are kept and not saved yet.' },
  };
  return focusOn(next, other ? 'token' : state.focus);
}

/** Keeps everything on the screen, because the file is gone. */
function onFileGone(state: State, base: FileForm): State {
  const connections = new Map(connectionsOf(state).map(({ key, url, token }) => [key, { url, token }]));
  const text = 'The file no longer exists. Everything on the screen is kept and not saved yet.';
  return {
    ...afterReading({ ...state, draft: { ...state.draft, connections } }, base),
    conflict: false,
    message: { kind: 'info', text },
  };
}

/** `mine` if it has changed since `before`, otherwise `theirs`. */
function merge<T extends object>(mine: T, before: T, theirs: T): T {
  const keys = Object.keys(mine) as (keyof T)[];
  return Object.fromEntries(keys.map((key) => [key, (mine[key] === before[key] ? theirs : mine)[key]])) as T;
}

function connectionIn({ connections }: FileForm, key: string): ConnectionForm | undefined {
  return connections.find((connection) => connection.key === key);
}

function afterReading(state: State, base: FileForm): State {
  const stillThere = (key: string) => base.connections.some((connection) => connection.key === key);
  const removed = state.draft.removed.filter(stillThere);
  return { ...state, base, draft: { ...state.draft, removed } };
}

function withError(state: State, text: string): State {
  return { ...state, message: { kind: 'error', text } };
}

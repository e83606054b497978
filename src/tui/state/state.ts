import type { Edit } from '../../config/toml/edit.ts';
import type { RuntimeStatus } from '../../runtimes/status.ts';
import { type FileForm, readForm } from '../form.ts';
import type { Draft, TenantConnection } from '../form-edits.ts';
import type { TextKey } from './text-input.ts';

/** A focusable field: `url`, `github:<key>:token`, `ok`. */
export type FieldId = string;

export type Validation =
  | { phase: 'none' }
  /** `goal`: what to do when the server has accepted the token. */
  | { phase: 'running'; attempt: number; goal: AfterValidation }
  | { phase: 'refused'; setting: FieldId }
  | { phase: 'valid' };

export type AfterValidation = 'move-on' | AfterSave;
export type AfterSave = 'stay' | 'leave';

/** Result of checking a GitHub token. Valid only for this URL and this token. */
export interface GithubCheck {
  url: string;
  token: string;
  result: 'running' | { ok: boolean; text: string };
}

export interface Message {
  kind: 'info' | 'error';
  text: string;
}

export interface State {
  path: string;
  /** Content of the file. */
  base: FileForm;
  draft: Draft;
  /** Connections that the server listed when it last accepted the token. */
  tenant: readonly TenantConnection[];
  /** Runtimes whose status is known. */
  runtimes: readonly RuntimeStatus[];
  focus: FieldId;
  /** Position in the focused text. */
  cursor: number;
  /** Whether the focused secret is shown. */
  revealed: boolean;
  /** Marked option of the open drop-down. */
  menu: number | undefined;
  validation: Validation;
  attempts: number;
  github: ReadonlyMap<string, GithubCheck>;
  saving: boolean;
  /** Another program has changed the file. It must be read again before saving. */
  conflict: boolean;
  message: Message | undefined;
}

export type Key =
  | TextKey
  | 'tab'
  | 'back-tab'
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'enter'
  | 'escape'
  | 'interrupt'
  | 'save'
  | 'reveal'
  | 'reload';

export type Event =
  | { type: 'key'; key: Key }
  /** Typed or pasted. */
  | { type: 'text'; text: string }
  | { type: 'runtime'; status: RuntimeStatus }
  | { type: 'accepted'; attempt: number; connections: readonly TenantConnection[] }
  | { type: 'refused'; attempt: number; setting: FieldId; message: string }
  | { type: 'github-checked'; key: string; url: string; token: string; ok: boolean; text: string }
  | { type: 'saved'; base: FileForm; changed: boolean; message: string; goal: AfterSave }
  | { type: 'not-saved'; message: string; conflict: boolean }
  | { type: 'reloaded'; base: FileForm };

export type Effect =
  | { type: 'validate'; attempt: number; token: string; url: string }
  | { type: 'cancel-validation' }
  | { type: 'check-github'; key: string; url: string; token: string }
  /** `note`: appended to the message after saving. */
  | { type: 'save'; edits: readonly Edit[]; goal: AfterSave; note?: string }
  | { type: 'reload' }
  | { type: 'leave'; how: 'saved' | 'cancelled' | 'interrupted' };

export interface Step {
  state: State;
  effects: readonly Effect[];
}

export function step(state: State, ...effects: Effect[]): Step {
  return { state, effects };
}

/** Applies `next` to the state of `first`, and concatenates their effects. */
export function andThen(first: Step, next: (state: State) => Step): Step {
  const second = next(first.state);
  return { state: second.state, effects: [...first.effects, ...second.effects] };
}

export interface Start {
  path: string;
  /** Undefined if the file does not exist. */
  content: string | undefined;
  /** Overrides the URL in the file. */
  serverUrl?: string | undefined;
  message?: Message | undefined;
}

export function initialState({ path, content, serverUrl, message }: Start): State {
  const base = readForm({ path, content });
  const url = serverUrl ?? base.runner.url;
  return {
    path,
    base,
    draft: { runner: { ...base.runner, url }, models: base.models, connections: new Map(), removed: [] },
    tenant: [],
    runtimes: [],
    focus: 'token',
    cursor: base.runner.token.length,
    revealed: false,
    menu: undefined,
    validation: { phase: 'none' },
    attempts: 0,
    github: new Map(),
    saving: false,
    conflict: false,
    message,
  };
}

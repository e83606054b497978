import type { Edit } from '../../config/toml/edit.ts';
import type { RuntimeStatus } from '../../runtimes/survey-result.ts';
import { type FileForm, readForm } from '../form.ts';
import type { Draft, TenantConnection } from '../form-edits.ts';
import type { TextKey } from './text-input.ts';

/** Names one thing that can have the focus: `url`, `github:<key>:token`, `ok`. */
export type FieldId = string;

export type Validation =
  | { phase: 'none' }
  /** `goal`: what was asked for, to be done when the server takes the token. */
  | { phase: 'running'; attempt: number; goal: AfterValidation }
  | { phase: 'refused'; setting: FieldId }
  | { phase: 'valid' };

export type AfterValidation = 'move-on' | AfterSave;
export type AfterSave = 'stay' | 'leave';

/** Of a GitHub token. It is about that URL and that token, and about none that is typed later. */
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
  /** As the file is. */
  base: FileForm;
  draft: Draft;
  /** The connections that the server told, last time it took the token. */
  tenant: readonly TenantConnection[];
  /** Those that are known yet. */
  runtimes: readonly RuntimeStatus[];
  focus: FieldId;
  /** In the text that has the focus. */
  cursor: number;
  /** Whether the secret that has the focus is shown. */
  revealed: boolean;
  /** The option that is marked while the drop-down is open. */
  menu: number | undefined;
  validation: Validation;
  attempts: number;
  github: ReadonlyMap<string, GithubCheck>;
  saving: boolean;
  /** Somebody else has changed the file; what is here can't be saved until it is read again. */
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
  /** `note`: what else there is to be told once it is saved. */
  | { type: 'save'; edits: readonly Edit[]; goal: AfterSave; note?: string }
  | { type: 'reload' }
  | { type: 'leave'; how: 'saved' | 'cancelled' | 'interrupted' };

export interface Step {
  state: State;
  effects: readonly Effect[];
}

export interface Start {
  path: string;
  /** Undefined when there is no file yet. */
  content: string | undefined;
  /** In place of the file's. */
  serverUrl?: string | undefined;
  message?: Message | undefined;
}

export function initialState({ path, content, serverUrl, message }: Start): State {
  const base = readForm({ path, content });
  const url = serverUrl ?? base.runner.url;
  return {
    path,
    base,
    draft: { runner: { ...base.runner, url }, connections: new Map(), removed: [] },
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

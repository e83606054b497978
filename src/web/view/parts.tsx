/** The elements that all views share. */

import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { systemClock } from '../../lib/clock.ts';
import { formatDuration } from '../../lib/format-duration.ts';
import { exactTime, localTime } from '../times.ts';
import { isWaiting } from '../turn-state.ts';
import { useServerTime } from './hooks.ts';

export function Time({ at }: { at: string }) {
  return (
    <time dateTime={at} title={exactTime(at)}>
      {localTime(at, systemClock.date())}
    </time>
  );
}

type Tone = 'waiting' | 'active' | 'good' | 'attention' | 'bad';

const tones: Record<string, Tone> = {
  Executing: 'active',
  'Awaiting Code Review': 'attention',
  Completed: 'good',
  Done: 'good',
  Succeeded: 'good',
  Failed: 'bad',
  Cancelled: 'waiting',
  Healthy: 'good',
  Unhealthy: 'bad',
  Draining: 'attention',
  'Not connected': 'waiting',
};

/** A state as a word, with a mark of matching colour and shape. */
export function State({ name, children = name }: { name: string; children?: ComponentChildren }) {
  // Agents and runners set statuses of their own while they work on a turn.
  const tone = tones[name] ?? (isWaiting(name) ? 'waiting' : 'active');
  return <span class={`state ${tone}`}>{children}</span>;
}

/** The time since `from`, which runs on. `now` is the time that the server sent last. */
export function Elapsed({ from, now }: { from: string; now: string }) {
  const seconds = Math.round((useServerTime(now).getTime() - Date.parse(from)) / 1000);
  return <span class="elapsed">{formatDuration(Math.max(0, seconds) * 1000).replace(/^(\d)\.0 s$/, '$1 s')}</span>;
}

/** The heading of a view. It gets the focus when the view appears, so that a screen reader announces the view. */
export function Heading({ title, children }: { title: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    document.title = `${title} – Plan42`;
  }, [title]);
  // Before the view is painted. Later, it would take the focus from a field that the user has already reached with Tab.
  useLayoutEffect(() => {
    // Not when the page is opened, because the browser announces that itself.
    if (document.body.dataset['visited'] === 'yes') heading.current?.focus();
    document.body.dataset['visited'] = 'yes';
  }, []);
  return (
    <div class="heading">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </div>
  );
}

export function ErrorNote({ message }: { message: string | undefined }) {
  return <div role="alert">{message === undefined ? null : <p class="note bad">{sentence(message)}</p>}</div>;
}

export function Loading({ error }: { error: string | undefined }) {
  if (error !== undefined) return <ErrorNote message={error} />;
  return <p class="quiet">Loading …</p>;
}

/** A label, its control, a hint and an error. */
export function FormField(props: {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  children: (attributes: { id: string; 'aria-describedby': string; 'aria-invalid': boolean }) => ComponentChildren;
}) {
  const id = useId();
  const { label, hint, error, children } = props;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': `${id}-hint ${id}-error`, 'aria-invalid': error !== undefined })}
      <p id={`${id}-hint`} class="hint">
        {hint}
      </p>
      <p id={`${id}-error`} class="error">
        {error}
      </p>
    </div>
  );
}

const yes = 'yes';

/** Asks the user to confirm an action that cannot be undone. */
export function Confirm(props: {
  question: string;
  consequence: string;
  action: string;
  onAnswer: (yes: boolean) => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => dialog.current?.showModal(), []);
  // The dialog closes before it is removed, so that the focus returns to the element that had it.
  const closed = () => onAnswer(dialog.current?.returnValue === yes);
  const { question, consequence, action, onAnswer } = props;
  return (
    <dialog ref={dialog} aria-labelledby={`${id}-question`} aria-describedby={`${id}-consequence`} onClose={closed}>
      <h2 id={`${id}-question`}>{question}</h2>
      <p id={`${id}-consequence`}>{consequence}</p>
      <div class="actions">
        <button type="button" onClick={() => dialog.current?.close()}>
          Back
        </button>
        <button type="button" class="danger" onClick={() => dialog.current?.close(yes)}>
          {action}
        </button>
      </div>
    </dialog>
  );
}

/** Text to copy, by keyboard too. */
export function Snippet({ text, label, rows }: { text: string; label: string; rows: number }) {
  const copy = () => void navigator.clipboard.writeText(text);
  return (
    <div class="snippet">
      <textarea readOnly aria-label={label} rows={rows} spellcheck={false} value={text} />
      {/* Browsers have no clipboard API in pages loaded over plain HTTP from another machine. */}
      {'clipboard' in navigator ? (
        <button type="button" onClick={copy}>
          Copy<span class="hidden"> {label}</span>
        </button>
      ) : null}
    </div>
  );
}

/** The first characters of an ID, with the whole ID as title. */
export function ShortId({ id }: { id: string }) {
  return <code title={id}>{id.slice(0, 8)}</code>;
}

function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

import { createContext, type RefObject } from 'preact';
import { useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { systemClock } from '../../lib/clock.ts';
import { sleep } from '../../lib/sleep.ts';
import type { Overview } from '../../plan42/page-objects.ts';
import { placeOf } from '../place.ts';
import { mergeOverview } from '../series.ts';
import { startOfDay } from '../times.ts';
import { type Api, CallError } from './api.ts';

const pollMs = 2000;

export const ApiContext = createContext<Api | undefined>(undefined);

export function useApi(): Api {
  const api = useContext(ApiContext);
  if (!api) throw new Error('no user is signed in');
  return api;
}

export interface Polled<T> {
  /** Undefined until the first response. Kept if a later call fails. */
  value: T | undefined;
  /** Why the server rejected the call. An unreachable server is reported by the frame instead. */
  error: string | undefined;
  refresh: () => void;
}

/**
 * Calls `load` now and periodically while the page is visible.
 * @param key a change starts over
 * @param everyMs stays the same
 */
export function usePoll<T>(
  key: string,
  load: (signal: AbortSignal, known: T | undefined) => Promise<T>,
  everyMs = pollMs,
): Polled<T> {
  const [state, setState] = useState<{ key: string; value?: T; error?: string }>({ key });
  const latestLoad = useRef(load);
  latestLoad.current = load;
  const wake = useRef(() => {});
  useEffect(() => {
    const stop = new AbortController();
    const poll = async () => {
      for (let known: T | undefined; ; ) {
        const woken = Promise.withResolvers<void>();
        wake.current = woken.resolve;
        try {
          known = await latestLoad.current(stop.signal, known);
          setState({ key, value: known });
        } catch (error) {
          stop.signal.throwIfAborted();
          const rejected = error instanceof CallError ? { error: error.message } : {};
          setState({ key, ...(known !== undefined && { value: known }), ...rejected });
        }
        await Promise.race([sleep(everyMs, stop.signal), woken.promise]);
        await whenVisible(stop.signal);
      }
    };
    poll().catch(() => {});
    return () => stop.abort();
  }, [key, everyMs]);
  const refresh = useCallback(() => wake.current(), []);
  // A value of another key is never shown.
  const current = state.key === key ? state : undefined;
  return { value: current?.value, error: current?.error, refresh };
}

/** Calls `load` once, and again after `reload`. */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>) {
  const [state, setState] = useState<{ key: string; value?: T; error?: string }>({ key });
  const [attempt, setAttempt] = useState(0);
  const latestLoad = useRef(load);
  latestLoad.current = load;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt loads again.
  useEffect(() => {
    const stop = new AbortController();
    latestLoad.current(stop.signal).then(
      (value) => setState({ key, value }),
      (error: unknown) => {
        if (!stop.signal.aborted) setState({ key, error: error instanceof Error ? error.message : String(error) });
      },
    );
    return () => stop.abort();
  }, [key, attempt]);
  const reload = useCallback(() => setAttempt((n) => n + 1), []);
  const current = state.key === key ? state : undefined;
  return { value: current?.value, error: current?.error, reload };
}

/** Polls runners and queues, with an hour of samples. Each call only requests new samples. */
export function useOverview(): Polled<Overview> {
  const api = useApi();
  return usePoll<Overview>('overview', async (signal, known) => {
    const today = startOfDay(systemClock.date()).toISOString();
    const query = new URLSearchParams({ today, ...(known && { epoch: known.Epoch, since: String(known.Step) }) });
    return mergeOverview(known, await api.call<Overview>('GET', `page/overview?${query}`, { signal }));
  });
}

/** The place that the address names behind its `#`. */
export function usePlace() {
  const [hash, setHash] = useState(location.hash);
  // A layout effect listens from the first render on and misses no change. So do the other subscriptions.
  useLayoutEffect(() => {
    const update = () => setHash(location.hash);
    addEventListener('hashchange', update);
    return () => removeEventListener('hashchange', update);
  }, []);
  return placeOf(hash);
}

/** The time of the server, once a second. `now` is what it last sent, because the clock of this machine may be wrong. */
export function useServerTime(now: string): Date {
  const base = useMemo(() => Date.parse(now) - systemClock.now(), [now]);
  const [time, setTime] = useState(() => systemClock.now());
  useEffect(() => {
    const timer = setInterval(() => setTime(systemClock.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return new Date(base + Math.max(time, Date.parse(now) - base));
}

const typingMs = 250;

/** Returns a text that the user types, once it has not changed for a moment. */
export function useDebounced(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    // An empty text applies at once.
    const timer = setTimeout(() => setSettled(text), text === '' ? 0 : typingMs);
    return () => clearTimeout(timer);
  }, [text]);
  return text === '' ? text : settled;
}

/** Submits a form by Ctrl+Enter, or ⌘+Enter, in one of its fields. */
export function submitByKey(event: KeyboardEvent): void {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  (event.currentTarget as HTMLFormElement).requestSubmit();
}

const narrowScreen = matchMedia('(max-width: 40rem)');

/** Whether the screen only has room for a few columns. The style sheet has the same limit. */
export function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(narrowScreen.matches);
  useLayoutEffect(() => {
    const update = () => setNarrow(narrowScreen.matches);
    narrowScreen.addEventListener('change', update);
    return () => narrowScreen.removeEventListener('change', update);
  }, []);
  return isNarrow;
}

/** Runs an action of the user, one at a time, and keeps the error of the last run. */
export function useAction<Args extends unknown[]>(act: (...args: Args) => Promise<void>) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const run = async (...args: Args) => {
    if (isBusy) return;
    setBusy(true);
    setError(undefined);
    try {
      await act(...args);
    } catch (reason) {
      setError(reason instanceof Error ? reason.message : String(reason));
    } finally {
      setBusy(false);
    }
  };
  return { run: (...args: Args) => void run(...args), isBusy, error };
}

/** Moves the focus to the first invalid field of a form when it has errors. */
export function useFocusOnError(form: RefObject<HTMLFormElement | null>, errors: object): void {
  useLayoutEffect(() => {
    if (Object.keys(errors).length > 0) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [form, errors]);
}

/** Resolves when the page is visible. */
function whenVisible(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  document.addEventListener('visibilitychange', () => resolve(), { once: true, signal });
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}

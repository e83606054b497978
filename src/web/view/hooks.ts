import { createContext } from 'preact';
import { useCallback, useContext, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { placeOf } from '../place.ts';
import { type Api, CallError } from './api.ts';
import { pause, whenVisible } from './pause.ts';

const pollMs = 2000;

export const ApiContext = createContext<Api | undefined>(undefined);

export function useApi(): Api {
  const api = useContext(ApiContext);
  if (!api) throw new Error('nobody is signed in');
  return api;
}

export interface Polled<T> {
  /** Undefined until the first answer, and kept when a later call fails. */
  value: T | undefined;
  /** Why the server refuses to answer. That it doesn't answer at all is said elsewhere. */
  error: string | undefined;
  refresh: () => void;
}

/**
 * What `load` gives, now and every two seconds for as long as somebody can see it.
 * @param key a change of it begins anew
 */
export function usePoll<T>(key: string, load: (signal: AbortSignal, known: T | undefined) => Promise<T>): Polled<T> {
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
          const refused = error instanceof CallError ? { error: error.message } : {};
          setState({ key, ...(known !== undefined && { value: known }), ...refused });
        }
        await Promise.race([pause(pollMs, stop.signal), woken.promise]);
        await whenVisible(stop.signal);
      }
    };
    poll().catch(() => {});
    return () => stop.abort();
  }, [key]);
  const refresh = useCallback(() => wake.current(), []);
  // What belongs to another key is not shown, not even for a moment.
  const current = state.key === key ? state : undefined;
  return { value: current?.value, error: current?.error, refresh };
}

/** The part of the address behind the `#`, as a place. */
export function usePlace() {
  const [hash, setHash] = useState(location.hash);
  // A layout effect listens from the first render on and misses no change. So do the other subscriptions.
  useLayoutEffect(() => {
    const heard = () => setHash(location.hash);
    addEventListener('hashchange', heard);
    return () => removeEventListener('hashchange', heard);
  }, []);
  return placeOf(hash);
}

const narrowScreen = matchMedia('(max-width: 40rem)');

/** Whether there is room for a few columns only; the style sheet has the same limit. */
export function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(narrowScreen.matches);
  useLayoutEffect(() => {
    const heard = () => setNarrow(narrowScreen.matches);
    narrowScreen.addEventListener('change', heard);
    return () => narrowScreen.removeEventListener('change', heard);
  }, []);
  return isNarrow;
}

/** Does something that a person asked for, once at a time, and keeps what went wrong. */
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

import type { RefObject } from 'preact';
import { useEffect, useReducer, useRef } from 'preact/hooks';
import { useApi } from './hooks.ts';
import { LogLines, maxLines } from './log-lines.ts';
import { followLog, startOfNewest } from './log-stream.ts';

// A log scrolled to less than this from its end is being followed.
const endPixels = 30;

export interface LogState {
  /** Lines that arrived while the reader was scrolled up. */
  unseen: number;
  /** Whether the newest line stays in view. */
  isFollowing: boolean;
  isEmpty: boolean;
  /** The log is complete. */
  isComplete: boolean;
  /** How many lines precede the first requested one. */
  skipped: number;
  error?: string;
}

type Change = (old: LogState) => Partial<LogState>;

const initial: LogState = { unseen: 0, isFollowing: true, isEmpty: true, isComplete: false, skipped: 0 };

/** Fills `box` with the lines of a log as they arrive, and keeps it scrolled to the end until the reader scrolls up. */
export function useLog(path: string, box: RefObject<HTMLElement | null>) {
  const api = useApi();
  const [state, change] = useReducer((old: LogState, by: Change) => ({ ...old, ...by(old) }), initial);
  // Lines may arrive before the new state is rendered.
  const following = useRef(true);

  useEffect(() => {
    const container = box.current;
    if (!container) return undefined;
    const stop = new AbortController();
    const lines = new LogLines(container, (added) => {
      if (following.current) container.scrollTop = container.scrollHeight;
      change(({ unseen }) => ({ isEmpty: false, unseen: following.current ? 0 : unseen + added }));
    });
    const follow = async () => {
      const after = await startOfNewest(api, path, maxLines, stop.signal);
      change(() => ({ skipped: after + 1 }));
      for await (const entry of followLog(api, path, after, stop.signal)) lines.add(entry);
      change(() => ({ isComplete: true }));
    };
    follow().catch((error: unknown) => {
      if (!stop.signal.aborted) change(() => ({ error: error instanceof Error ? error.message : String(error) }));
    });
    return () => {
      stop.abort();
      lines.stop();
    };
  }, [api, path, box]);

  const setFollowing = (isFollowing: boolean) => {
    following.current = isFollowing;
    change(() => ({ isFollowing, ...(isFollowing && { unseen: 0 }) }));
  };
  return {
    state,
    onScroll: () => {
      if (!box.current) return;
      const { scrollHeight, scrollTop, clientHeight } = box.current;
      const isAtEnd = scrollHeight - scrollTop - clientHeight < endPixels;
      if (isAtEnd !== following.current) setFollowing(isAtEnd);
    },
    goToEnd: () => {
      setFollowing(true);
      if (box.current) box.current.scrollTop = box.current.scrollHeight;
      box.current?.focus();
    },
  };
}

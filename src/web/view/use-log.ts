import type { RefObject } from 'preact';
import { useEffect, useReducer, useRef } from 'preact/hooks';
import { useApi } from './hooks.ts';
import { LogLines, maxLines } from './log-lines.ts';
import { followLog, startOfNewest } from './log-stream.ts';

// Nearer to its end than this, a log is being followed.
const endPixels = 30;

export interface LogState {
  /** Lines that came while somebody was reading further up. */
  unseen: number;
  /** Whether the newest line stays in view. */
  isFollowing: boolean;
  isEmpty: boolean;
  /** Nothing more will come. */
  isOver: boolean;
  /** How many lines there are before the first that was asked for. */
  skipped: number;
  error?: string;
}

type Change = (old: LogState) => Partial<LogState>;

const initial: LogState = { unseen: 0, isFollowing: true, isEmpty: true, isOver: false, skipped: 0 };

/** Fills `box` with the lines of a log as they come, and keeps it at its end until somebody scrolls up. */
export function useLog(path: string, box: RefObject<HTMLElement | null>) {
  const api = useApi();
  const [state, change] = useReducer((old: LogState, by: Change) => ({ ...old, ...by(old) }), initial);
  // Before the state is rendered, lines may come and must know it.
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
      change(() => ({ isOver: true }));
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

/** Ink component of the screen: renders frames and dispatches keys. */
import { Box, Text, useApp, useCursor, useInput, usePaste, useWindowSize } from 'ink';
import {
  createElement as h,
  type ReactElement,
  useEffect,
  useEffectEvent,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import type { JobControl } from '../job-control.ts';
import type { Event, State } from '../state/state.ts';
import type { ScreenStore } from '../store.ts';
import { draw } from './draw.ts';
import { eventsOf } from './keys.ts';
import type { Line, Look, Span } from './line.ts';
import { isWaiting } from './message.ts';

export interface ScreenProps {
  store: ScreenStore;
  color: boolean;
  jobControl: JobControl;
}

const spinnerMs = 120;

export function Screen({ store, color, jobControl }: ScreenProps): ReactElement {
  const state = useSyncExternalStore(store.subscribe, store.state);
  const size = useWindowSize();
  const tick = useTick(isWaiting(state));
  const { setCursorPosition } = useCursor();
  const dispatchAll = (events: readonly Event[]) => events.forEach(store.dispatch);
  const stop = useJobControl(jobControl);
  useInput((input, key) => (key.ctrl && input === 'z' ? stop() : dispatchAll(eventsOf(input, key))));
  usePaste((text) => store.dispatch({ type: 'text', text }));
  const { lines, cursor } = draw(state, size, tick);
  setCursorPosition(cursor);
  return h(
    Box,
    { flexDirection: 'column', width: size.columns, height: size.rows, overflow: 'hidden' },
    ...lines.map((line, index) => drawLine(line, index, color)),
  );
}

/** Returns the handler of Ctrl-Z. After resuming, restores the terminal, which the shell has used in the meantime. */
function useJobControl({ stop, onContinued }: JobControl): () => void {
  const { suspendTerminal } = useApp();
  const isStopped = useRef(false);
  const handOver = async (meanwhile: () => Promise<void>) => {
    if (isStopped.current) return;
    isStopped.current = true;
    await suspendTerminal(meanwhile);
    isStopped.current = false;
  };
  const takeBack = useEffectEvent(() => void handOver(async () => {}));
  useEffect(() => onContinued(takeBack), [onContinued]);
  return () => void handOver(stop);
}

function useTick(active: State['saving']): number {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (!active) return;
    const timer = setInterval(() => setTick((before) => before + 1), spinnerMs);
    return () => clearInterval(timer);
  }, [active]);
  return tick;
}

function drawLine({ spans }: Line, index: number, color: boolean): ReactElement {
  // An empty line would have no height.
  const texts =
    spans.length === 0 ? [' '] : spans.map((span, key) => h(Text, { key, ...lookOf(span, color) }, span.text));
  return h(Text, { key: index, wrap: 'truncate' }, ...texts);
}

interface TextLook {
  bold?: boolean;
  dimColor?: boolean;
  inverse?: boolean;
  color?: string;
}

const looks: Record<Look, TextLook> = {
  plain: {},
  bold: { bold: true },
  dim: { dimColor: true },
  good: { color: 'green' },
  bad: { color: 'red', bold: true },
  inverse: { inverse: true },
};

function lookOf({ look }: Span, color: boolean): TextLook {
  if (color) return looks[look];
  const { color: _, ...rest } = looks[look];
  return rest;
}

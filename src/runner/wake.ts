const lookEveryMs = 1000;
// Every poll that was under way has been given up by the server after so long.
const minGapMs = 60_000;
// What had arrived before the machine went to sleep is still to be read.
const graceMs = 1000;

export interface Clocks {
  /** Goes on while the machine sleeps. */
  wall: () => number;
  /** Stands still while the machine sleeps. */
  monotonic: () => number;
}

const systemClocks: Clocks = { wall: () => Date.now(), monotonic: () => performance.now() };

/**
 * Calls `onWake` after the machine has slept for a minute or more: then connections are dead and nobody says so. Whether
 * it slept is seen by the two clocks drifting apart.
 */
export function watchForWake(onWake: (gapMs: number) => void, clocks: Clocks = systemClocks): Disposable {
  let drift = clocks.wall() - clocks.monotonic();
  const timer = setInterval(() => {
    const now = clocks.wall() - clocks.monotonic();
    const gapMs = now - drift;
    drift = now;
    if (gapMs >= minGapMs) setTimeout(onWake, graceMs, gapMs).unref();
  }, lookEveryMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

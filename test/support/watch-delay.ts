/** How long a busy machine makes programs wait, beside a test: for limits on time that hold on any machine. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Env, run } from './engines/processes.ts';

export interface DelayWatch extends AsyncDisposable {
  /** The longest time that a run of the command has taken so far, or takes at the moment. */
  maxMs: () => number;
}

const pauseMs = 300;

/** Runs a command again and again. It should be as much work as the step that the test waits for. */
export function watchDelay(command: string, args: string[], env: Env = {}): DelayWatch {
  const done = new AbortController();
  let longestMs = 0;
  let beganAt: number | undefined;
  const elapsedMs = () => (beganAt === undefined ? 0 : performance.now() - beganAt);
  async function repeat(): Promise<void> {
    while (!done.signal.aborted) {
      beganAt = performance.now();
      await run(command, args, { env });
      longestMs = Math.max(longestMs, elapsedMs());
      beganAt = undefined;
      await sleep(pauseMs, undefined, { signal: done.signal }).catch(() => {});
    }
  }
  const running = repeat();
  // It is awaited at the end.
  running.catch(() => {});
  return {
    maxMs: () => Math.max(longestMs, elapsedMs()),
    [Symbol.asyncDispose]: async () => {
      done.abort();
      await running;
    },
  };
}

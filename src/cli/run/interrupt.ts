import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { type CliContext, hangup } from '../context.ts';
import type { LiveLines } from './live-lines.ts';

export type Decision = 'cancel' | 'detach';

/** Asks what to do at Ctrl-C. */
export interface Interruption extends Disposable {
  /** Aborted when the user has decided not to wait any longer. */
  signal: AbortSignal;
  decision(): Decision | undefined;
}

const question = 'Cancel the task, detach and let it run, or go on? [c/d/G] ';

/**
 * Where a user can be asked, Ctrl-C asks whether to cancel the task, to detach from it, or to go on; a second Ctrl-C cancels.
 * Elsewhere the signal of the context cancels, because what has started this command expects that nothing goes on. Only a
 * closed terminal, or output that cannot be written any more, detaches.
 */
export function askAtInterrupt(context: CliContext, live: LiveLines): Interruption {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  let decision: Decision | undefined;
  let question: AbortController | undefined;
  const decide = (made: Decision) => {
    decision = made;
    stop.abort();
  };
  const listener = context.onInterrupt?.(() => {
    if (question !== undefined) {
      question.abort();
      decide('cancel');
      return;
    }
    question = new AbortController();
    live.pause();
    void ask(context, AbortSignal.any([question.signal, signal])).then((answer) => {
      question = undefined;
      live.resume();
      if (answer !== undefined) decide(answer);
    });
  });
  return {
    signal,
    decision: () => decision ?? (context.signal.aborted ? atSignal(context.signal) : undefined),
    [Symbol.dispose]: () => {
      question?.abort();
      listener?.[Symbol.dispose]();
    },
  };
}

function atSignal({ reason }: AbortSignal): Decision {
  return reason === hangup ? 'detach' : 'cancel';
}

/** Returns undefined to go on, also without an answer. */
async function ask({ stdin, stderr }: CliContext, signal: AbortSignal): Promise<Decision | undefined> {
  stderr.write(`\n${question}`);
  // Without a terminal of its own, readline leaves Ctrl-C to the process.
  const reader = createInterface({ input: stdin, terminal: false });
  try {
    const [line] = (await once(reader, 'line', { signal })) as [string];
    return { c: 'cancel', d: 'detach' }[line.trim().toLowerCase().slice(0, 1)] as Decision | undefined;
  } catch {
    return undefined;
  } finally {
    reader.close();
    stdin.pause();
  }
}

import { Writable } from 'node:stream';
import { systemClock } from '../../lib/clock.ts';
import { truncate } from '../../lib/display-width.ts';
import { formatDuration } from '../../lib/format-duration.ts';
import { printableLine } from '../../lib/printable.ts';
import type { CliContext } from '../context.ts';
import { terminalWidth } from '../output.ts';
import { clearLine, frameMs, frames } from '../progress.ts';

/** Statuses of runners, in words for users who did not set up a runner. */
const words: Readonly<Record<string, string>> = {
  'Pulling Agent Image on Local Runner': 'Starting the Agent',
};

/** A log with a line below it that shows the status and the elapsed time, on a terminal. */
export interface LiveLines extends Disposable {
  /** Write whole lines only. */
  lines: Writable;
  setStatus(status: string): void;
  /** Writes a line to standard error. */
  note(text: string): void;
  /** Hides the line and holds the log back, while something else uses the terminal. */
  pause(): void;
  resume(): void;
}

/** `to` gets the log. The line is drawn on standard error if both are a terminal; otherwise each status is printed once. */
export function liveLines(
  { stderr, env }: CliContext,
  to: Writable & { isTTY?: boolean; columns?: number },
): LiveLines {
  const isLive = stderr.isTTY === true && to.isTTY === true && env['TERM'] !== 'dumb';
  const startedAt = systemClock.now();
  const columns = terminalWidth(to) ?? 80;
  let [status, frame, isDrawn, isPaused] = ['', 0, false, false];
  let held: (() => void)[] = [];

  const erase = () => {
    if (isDrawn) stderr.write(clearLine);
    isDrawn = false;
  };
  const draw = () => {
    if (isPaused || status === '' || stderr.writableNeedDrain) return;
    frame += 1;
    const elapsed = formatDuration(systemClock.now() - startedAt);
    const text = truncate(`${frames[frame % frames.length]} ${status}, ${elapsed}`, columns - 1);
    stderr.write(`${clearLine}${text}`);
    isDrawn = true;
  };
  const timer = isLive ? setInterval(draw, frameMs) : undefined;

  const whenShown = (write: () => void) => {
    if (isPaused) held.push(write);
    else write();
  };
  const lines = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      whenShown(() => {
        erase();
        if (to.write(chunk)) done();
        else to.once('drain', done);
      });
    },
  });
  return {
    lines,
    setStatus: (next) => {
      const shown = printableLine(words[next] ?? next);
      if (!isLive && shown !== status) stderr.write(`${shown}\n`);
      status = shown;
    },
    note: (text) =>
      whenShown(() => {
        erase();
        stderr.write(`${printableLine(text)}\n`);
      }),
    pause: () => {
      isPaused = true;
      erase();
    },
    resume: () => {
      isPaused = false;
      const writes = held;
      held = [];
      for (const write of writes) write();
    },
    [Symbol.dispose]: () => {
      clearInterval(timer);
      isPaused = false;
      for (const write of held) write();
      erase();
    },
  };
}

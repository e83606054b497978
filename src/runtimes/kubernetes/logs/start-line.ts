/** The line that the program `start` writes before the agent begins: without it, the beginning of a log is gone. */
import type { Output } from './timestamps.ts';

/** As in `manifest/start/start.c`. */
export const startLine: Buffer = Buffer.from('[plan42: agent starts]\n');

export interface StartLineReader {
  /** Undefined until the first line of the stream is known. */
  readonly isThere: boolean | undefined;
  /** Returns the outputs of the agent. */
  next(outputs: readonly Output[]): readonly Output[];
  /** Returns the rest when the stream has ended. */
  end(): readonly Output[];
}

export function createStartLineReader(): StartLineReader {
  let isThere: boolean | undefined;
  let held: readonly Output[] = [];

  function release(found: boolean, from: number): readonly Output[] {
    isThere = found;
    const rest = held.slice(from);
    held = [];
    return rest;
  }

  return {
    get isThere() {
      return isThere;
    },
    next(outputs) {
      if (isThere !== undefined) return outputs;
      held = [...held, ...outputs];
      // A block of the stream can end within the line.
      let text = Buffer.alloc(0);
      for (const [n, { bytes }] of held.entries()) {
        text = Buffer.concat([text, bytes]);
        if (text.equals(startLine)) return release(true, n + 1);
        if (!startLine.subarray(0, text.length).equals(text)) return release(false, 0);
      }
      return [];
    },
    end: () => (held.length > 0 ? release(false, 0) : []),
  };
}

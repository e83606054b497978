/** Finds in a stream of the log what the job's log does not have yet. */
import { createStartLineReader } from './start-line.ts';
import type { Output } from './timestamps.ts';

/** The part of the output that follows in the job's log. */
export interface Batch {
  /**
   * The line at which the log should continue is gone: output between these times may be missing before this batch. `from` is
   * empty if the beginning is gone.
   */
  lost?: { from: string; to: string };
  /** Time of the line with which the batch begins, if it can be a checkpoint. */
  firstTime?: string;
  /** The last line in the batch that can be a checkpoint, and how many bytes of the batch come before it. */
  last?: { time: string; before: number };
  bytes: Buffer;
}

export interface Resume {
  /** Takes the next outputs of the stream. */
  next(outputs: readonly Output[]): Batch;
  /** Takes the end of the stream. */
  end(): Batch;
  /** Whether the stream had the beginning of the log. */
  readonly hasStart: boolean;
  /** Whether the line at which the log continues was in the stream, or one after it. */
  readonly isFound: boolean;
  /** Whether the stream had all that the log has. */
  readonly isPast: boolean;
}

/**
 * @param from time of the line at which the stream is compared with the log; empty for the start of the log. No line before it
 * has a later time, though lines of one moment can be in the wrong order
 * @param written how many bytes of the output from that line on are in the log
 */
export function createResume(from: string, written: number): Resume {
  let known = written;
  let isFound = false;
  let latest = '';
  const first = createStartLineReader();

  function take(outputs: readonly Output[]): Batch {
    const fresh: Buffer[] = [];
    let size = 0;
    const batch: Omit<Batch, 'bytes'> = {};
    for (const { time, isStart, bytes } of outputs) {
      if (!isFound) {
        if (!isStart || time < from) continue;
        isFound = true;
        if (from === '' ? !first.isThere : time !== from) {
          batch.lost = { from, to: time };
          known = 0;
        }
      }
      if (isStart && time > latest) {
        latest = time;
        if (known === 0) {
          if (size === 0) batch.firstTime ??= time;
          batch.last = { time, before: size };
        }
      }
      const skipped = Math.min(bytes.length, known);
      known -= skipped;
      if (skipped === bytes.length) continue;
      fresh.push(skipped === 0 ? bytes : bytes.subarray(skipped));
      size += bytes.length - skipped;
    }
    return { ...batch, bytes: Buffer.concat(fresh) };
  }

  return {
    get isFound() {
      return isFound;
    },
    get isPast() {
      return (isFound || from === '') && known === 0;
    },
    get hasStart() {
      return first.isThere === true;
    },
    next: (outputs) => take(first.next(outputs)),
    end: () => take(first.end()),
  };
}

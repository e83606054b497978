/** Writes the messages of a gateway in a pod. */
import type { LedgerEntry } from '../models/ledger.ts';
import type { Report } from '../report.ts';
import { aliveIntervalMs, type Content, type ReachedLimit } from './channel.ts';

export interface Output extends Disposable {
  writeLine: (text: string) => void;
  /** The report is written now or soon: a large one costs much of what a node keeps of a log. */
  writeReport: (report: Report) => void;
  writeCall: (entry: LedgerEntry, index: number) => void;
  writeNotice: (limit: ReachedLimit['limit']) => void;
  writeReached: (reached: ReachedLimit) => void;
  /** Writes the report as it is, and that the pod is about to end. */
  end: () => void;
}

/** A report is written again after as many milliseconds as it has bytes, divided by this: 4 KiB a second. */
const bytesPerMs = 4;

/** @param run as in the messages */
export function createOutput({ run, write }: { run: number; write: (line: string) => void }): Output {
  let n = 0;
  let latest: Report | undefined;
  let waiting: NodeJS.Timeout | undefined;
  let isTooEarly = false;

  function send(content: Content): number {
    n += 1;
    const text = `${JSON.stringify({ run, n, content })}\n`;
    write(text);
    return text.length;
  }

  function writeLatest(): void {
    if (latest === undefined) return;
    const size = send({ kind: 'report', report: latest });
    latest = undefined;
    isTooEarly = true;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      isTooEarly = false;
      writeLatest();
    }, size / bytesPerMs).unref();
  }

  let last: Report | undefined;
  const alive = setInterval(() => send({ kind: 'alive' }), aliveIntervalMs).unref();
  return {
    writeLine: (text) => send({ kind: 'line', text }),
    writeReport: (report) => {
      latest = report;
      last = report;
      if (!isTooEarly) writeLatest();
    },
    writeCall: (entry, index) => send({ kind: 'call', index, entry: JSON.stringify(entry) }),
    writeNotice: (limit) => send({ kind: 'notice', limit }),
    writeReached: (reached) => send({ kind: 'reached', reached }),
    end: () => {
      latest = last;
      writeLatest();
      send({ kind: 'end' });
    },
    [Symbol.dispose]: () => {
      clearInterval(alive);
      clearTimeout(waiting);
    },
  };
}

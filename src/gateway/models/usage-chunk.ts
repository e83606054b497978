/**
 * Removes the event with the usage from a stream of chat completions, for a client that did not ask for it. It has no choices,
 * which programs do not expect. Each other event is passed on as soon as it is complete.
 */
import * as v from 'valibot';
import { tryParseJson } from '../../lib/json.ts';

export interface EventFilter {
  /** Returns what is passed on now. */
  write(chunk: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

// A longer event is not the one with the usage.
const maxEventBytes = 1 << 20;

const UsageOnly = v.object({
  choices: v.pipe(v.array(v.unknown()), v.length(0)),
  usage: v.record(v.string(), v.unknown()),
});

export function withoutUsage(): EventFilter {
  let pending: Buffer = Buffer.alloc(0);
  /** In an event whose beginning was passed on. */
  let isPassing = false;

  function take(): Buffer[] {
    const passed: Buffer[] = [];
    for (;;) {
      const end = endOfEvent(pending);
      if (end === undefined) break;
      const event = pending.subarray(0, end);
      if (isPassing || !hasOnlyUsage(event.toString('utf8'))) passed.push(event);
      isPassing = false;
      pending = pending.subarray(end);
    }
    return passed;
  }

  return {
    write: (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      const passed = take();
      // The last bytes may be the beginning of its end.
      if (isPassing || pending.length > maxEventBytes) {
        const kept = Math.min(pending.length, 3);
        passed.push(pending.subarray(0, pending.length - kept));
        pending = pending.subarray(pending.length - kept);
        isPassing = true;
      }
      return Buffer.concat(passed);
    },
    end: () => {
      const rest = pending;
      pending = Buffer.alloc(0);
      return isPassing || !hasOnlyUsage(rest.toString('utf8')) ? rest : Buffer.alloc(0);
    },
  };
}

/** The index after the empty line that ends the first event. */
function endOfEvent(bytes: Buffer): number | undefined {
  const ends = ['\n\n', '\r\n\r\n'].flatMap((mark) => {
    const at = bytes.indexOf(mark);
    return at < 0 ? [] : [at + mark.length];
  });
  return ends.length === 0 ? undefined : Math.min(...ends);
}

function hasOnlyUsage(event: string): boolean {
  if (!event.includes('"usage"')) return false;
  const lines = event.split(/\r?\n/).flatMap((line) => /^data: ?(.*)$/s.exec(line)?.[1] ?? []);
  return v.safeParse(UsageOnly, tryParseJson(lines.join('\n'))).success;
}

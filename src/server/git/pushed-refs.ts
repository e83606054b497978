/** Reads which refs a push changes, before git gets it. The format is that of git's pack protocol (gitprotocol-pack). */
import type { Readable } from 'node:stream';

/** One change of a ref. A new hash of zeros deletes it. */
export interface PushedRef {
  ref: string;
  isDeletion: boolean;
}

/** The list of changes is not one that git sends. */
export class MalformedPush extends Error {}

// An agent changes one ref.
const maxListBytes = 64 * 1024;

/**
 * Reads the list of changes at the begin of a push.
 * @returns the changes, and the whole push with them
 * @throws MalformedPush
 */
export async function readPushedRefs(push: Readable): Promise<{ refs: PushedRef[]; whole: AsyncIterable<Buffer> }> {
  const chunks = push[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let begin = Buffer.alloc(0);
  for (;;) {
    const refs = parsePushedRefs(begin);
    if (refs !== undefined) return { refs, whole: joined(begin, chunks) };
    if (begin.length > maxListBytes) throw new MalformedPush('the push changes too many refs');
    const { value, done } = await chunks.next();
    if (done === true) throw new MalformedPush('the push ends in its list of refs');
    begin = Buffer.concat([begin, value]);
  }
}

async function* joined(begin: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield begin;
  yield* { [Symbol.asyncIterator]: () => rest };
}

/** Parses the list; undefined if it is not complete yet. @throws MalformedPush */
export function parsePushedRefs(begin: Buffer): PushedRef[] | undefined {
  const refs: PushedRef[] = [];
  let at = 0;
  for (;;) {
    if (begin.length < at + 4) return undefined;
    const digits = begin.toString('latin1', at, at + 4);
    if (!/^[0-9a-f]{4}$/i.test(digits)) throw new MalformedPush('the push is not in the format of git');
    const length = Number.parseInt(digits, 16);
    if (length === 0) return refs;
    if (length <= 4) throw new MalformedPush('the push has an unexpected packet');
    if (begin.length < at + length) return undefined;
    const line = begin.toString('utf8', at + 4, at + length);
    if (!/^shallow [0-9a-f]{40,64}\n?$/.test(line)) refs.push(parseChange(line));
    at += length;
  }
}

// Capabilities follow after a NUL in the first line.
function parseChange(line: string): PushedRef {
  const [, , next = '', ref] =
    /^([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) ([^\0\n]+)(?:\0|\n?$)/.exec(line) ?? [];
  if (ref === undefined) throw new MalformedPush('the push changes refs in an unknown way');
  return { ref, isDeletion: /^0+$/.test(next) };
}

/** Reads a stream and calls back while it is silent, one at a time. */
import { sleep } from '../../../lib/sleep.ts';

export interface BlockReader {
  onBlock(block: Uint8Array): Promise<void>;
  /** After each `tickMs` without a block. Returns true to end. */
  onSilence(): Promise<boolean>;
  tickMs: number;
}

/** Resolves when the stream has ended, with whether it was not ended by us. Rejects with its error, or one of the callbacks. */
export async function readBlocks(stream: AsyncIterable<Uint8Array>, reader: BlockReader): Promise<boolean> {
  const iterator = stream[Symbol.asyncIterator]();
  for (;;) {
    const next = watchOnce(iterator.next());
    while (!(await next.settledWithin(reader.tickMs))) {
      if (!(await reader.onSilence())) continue;
      // The caller closes the connection.
      return false;
    }
    const result = await next.promise;
    if (result.done) return true;
    await reader.onBlock(result.value);
  }
}

/** A promise that is waited for again and again: a race with each timer would keep a reaction on it for each. */
function watchOnce<T>(promise: Promise<T>) {
  const settled = new AbortController();
  const settle = () => settled.abort();
  promise.then(settle, settle);
  return {
    promise,
    async settledWithin(ms: number): Promise<boolean> {
      await sleep(ms, settled.signal).catch(() => {});
      return settled.signal.aborted;
    },
  };
}

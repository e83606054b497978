/** Guards that refuse nothing, for a gateway that observes. */
import type { Guard, InterceptedRequest } from './hooks.ts';

/** No guard reads more of a body to decide about it; it only waits for the end of the rest. */
const maxReadBytes = 4 << 20;

/** Lets every request pass unchanged, and says what the guard would have refused. */
export function observing(guard: Guard): Guard {
  return {
    passesWebSockets: true,
    review: async (request, ask) => {
      const { body, readAgain } = rereadable(request.body);
      // A request that cannot be reviewed passes, too.
      const verdict = await guard.review({ ...request, body }, ask).catch(() => undefined);
      const observed = verdict?.kind === 'respond' ? verdict.refused : undefined;
      const whole = readAgain();
      return { kind: 'pass', ...(whole && { body: whole }), ...(observed && { observed }) };
    },
  };
}

type Body = InterceptedRequest['body'];

/** @returns `readAgain`: the whole body, to be called when `body` is no longer read; undefined if it never was */
function rereadable(original: Body): { body: Body; readAgain: () => Body | undefined } {
  const source = original[Symbol.asyncIterator]();
  const kept: Uint8Array[] = [];
  let bytes = 0;
  let isBegun = false;
  let hasEnded = false;
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    isBegun = true;
    if (hasEnded || bytes > maxReadBytes) return { done: true, value: undefined };
    const result = await source.next();
    if (result.done === true) {
      hasEnded = true;
      return { done: true, value: undefined };
    }
    kept.push(result.value);
    bytes += result.value.length;
    return result;
  };
  async function* again(): AsyncGenerator<Uint8Array> {
    for (let chunk = kept.shift(); chunk !== undefined; chunk = kept.shift()) yield chunk;
    if (!hasEnded) yield* { [Symbol.asyncIterator]: () => source };
  }
  return { body: { [Symbol.asyncIterator]: () => ({ next }) }, readAgain: () => (isBegun ? again() : undefined) };
}

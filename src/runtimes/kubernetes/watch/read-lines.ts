/** Splits a stream of bytes into lines, and notices silence. */

/** @throws the error of `onSilence` if nothing arrives for `silenceMs` */
export async function* readLines(
  stream: AsyncIterable<Uint8Array>,
  { silenceMs, onSilence }: { silenceMs: number; onSilence: () => void },
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  let timer = setTimeout(onSilence, silenceMs);
  try {
    for await (const chunk of stream) {
      clearTimeout(timer);
      timer = setTimeout(onSilence, silenceMs);
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines.filter((line) => line !== '');
    }
  } finally {
    clearTimeout(timer);
  }
}

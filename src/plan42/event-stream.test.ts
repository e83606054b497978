import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseEventStream, type ServerSentEvent } from './event-stream.ts';

async function parse(text: string, chunkSizes: readonly number[] = []): Promise<ServerSentEvent[]> {
  return Array.fromAsync(parseEventStream(chunksOf(Buffer.from(text), chunkSizes)));
}

async function* chunksOf(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const size of sizes) {
    yield bytes.subarray(start, start + size);
    start += size;
  }
  yield bytes.subarray(start);
}

const event = (data: string, rest: Partial<ServerSentEvent> = {}): ServerSentEvent => ({
  type: 'message',
  data,
  lastEventId: '',
  retryMs: undefined,
  ...rest,
});

describe('parseEventStream', () => {
  it('reads the fields of an event', async () => {
    const text = 'event: log\ndata: one\nid: 7\nretry: 250\n\n';
    assert.deepEqual(await parse(text), [event('one', { type: 'log', lastEventId: '7', retryMs: 250 })]);
  });

  it('reads the examples of the standard', async () => {
    assert.deepEqual(await parse('data: YHOO\ndata: +2\ndata: 10\n\n'), [event('YHOO\n+2\n10')]);
    assert.deepEqual(
      await parse(': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n'),
      [event('first event', { lastEventId: '1' }), event('second event')],
    );
    assert.deepEqual(await parse('data\n\ndata\ndata\n\ndata:\n'), [event(''), event('\n')]);
    assert.deepEqual(await parse('data:test\n\ndata: test\n\n'), [event('test'), event('test')]);
  });

  it('drops a byte order mark at the start only', async () => {
    assert.deepEqual(await parse('\ufeffdata: a\n\n\ufeffdata: b\n\n'), [event('a')]);
  });

  it('keeps the last ID for events without one, and ignores IDs with NUL and invalid retry times', async () => {
    const text = 'id: 3\ndata: a\n\nid: 4\0\nretry: 1x\ndata: b\n\n';
    assert.deepEqual(await parse(text), [event('a', { lastEventId: '3' }), event('b', { lastEventId: '3' })]);
  });

  it('drops the type of an event without data', async () => {
    assert.deepEqual(await parse('event: log\n\ndata: a\n\n'), [event('a')]);
  });

  it('accepts any chunks and line ends', async () => {
    const text = 'event: log\ndata: ä\u{1f642}\ndata:\nid: 1\n\n: x\n\ndata: two\n\n';
    const expected = await parse(text);
    const sizes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('\n', '\r', '\r\n'), sizes, async (lineEnd, cuts) => {
        assert.deepEqual(await parse(text.replaceAll('\n', lineEnd), cuts), expected);
      }),
    );
  });
});

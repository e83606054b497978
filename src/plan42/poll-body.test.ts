import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PollLimits, PollReader, pollLimits, UnreadableMessage } from './poll-body.ts';

interface Options {
  chunkBytes?: number;
  limits?: PollLimits;
  failure?: { error: unknown };
}

/** Feeds the reader as {@link sendRequest} does. */
async function read(text: string, { chunkBytes = 65_536, limits, failure }: Options = {}): Promise<unknown[]> {
  const reader = new PollReader(limits);
  const bytes = Buffer.from(text);
  try {
    for (let i = 0; i < bytes.length; i += chunkBytes) reader.add(bytes.subarray(i, i + chunkBytes));
  } catch (error) {
    return reader.end({ error });
  }
  return reader.end(failure);
}

test('messages are the same whatever the chunks are', async () => {
  const messages = [{ MessageID: 'a', Text: 'é, "],[{}\\' }, 'x,"]', 1, null, [[1], { b: [] }], {}, true, ''];
  const body = JSON.stringify({ Other: { Messages: [1] }, Messages: messages, More: [[2], 3] });
  for (const text of [
    body,
    body.replaceAll(',"', ' ,\n "').replaceAll(']', ' ]'),
    body.replace('Messages":[{', 'messages":[{'),
  ]) {
    const expected = text === body ? messages : Object.values(JSON.parse(text))[1];
    for (const size of [1, 2, 3, 7, 65_536])
      assert.deepEqual(await read(text, { chunkBytes: size }), expected, `${size}: ${text}`);
  }
});

test('a poll without messages', async () => {
  for (const text of ['{}', '{"Messages":null}', '{"Messages":[]}', ' {"Messages" : [ ] }\n']) {
    assert.deepEqual(await read(text), [], text);
  }
});

test('a body of another shape is an error', async () => {
  const cases = [
    ['', /not JSON/],
    ['<html>[1]</html>', /not JSON/],
    ['{"Messages":[', /not JSON/],
    ['{"Messages":[,]}', /not JSON/],
    ['{"Messages":{}}', /wrong shape \(Messages\)/],
    ['{"Messages":"x"}', /wrong shape/],
    ['[1]', /wrong shape \(top level\)/],
    ['null', /wrong shape \(top level\)/],
    [`{"Other":"${'x'.repeat(100_000)}"}`, /too large/],
    ['['.repeat(5_000_000), /not JSON/],
  ] as const;
  for (const [text, message] of cases) await assert.rejects(read(text), message, text.slice(0, 50));
});

test('an unreadable message costs its neighbours nothing', async () => {
  const bad = [
    ['too large', JSON.stringify({ MessageID: 'm-1', Payload: 'x'.repeat(pollLimits.messageBytes) })],
    ['nested deeper than 100 levels', `{"MessageID":"m-1","a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`],
    ['not JSON', '{"MessageID": "m-1" oops}'],
  ] as const;
  for (const [reason, text] of bad) {
    const messages = await read(`{"Messages":[{"a":1},${text},{"b":"\\""}]}`);
    assert.deepEqual([messages[0], messages[2], messages.length], [{ a: 1 }, { b: '"' }, 3]);
    const [, message] = messages;
    assert.ok(message instanceof UnreadableMessage);
    assert.deepEqual([message.reason, message.bytes, message.messageId], [reason, text.length, 'm-1']);
  }
});

test('the messages of one poll are limited in sum and number', async () => {
  const large = JSON.stringify('x'.repeat(98));
  const body = `{"Messages":[${Array(4).fill(large).join()},1,${large}]}`;
  const messages = await read(body, { chunkBytes: 30, limits: { messageBytes: 100, pollBytes: 400 } });
  assert.equal(messages.filter((message) => typeof message === 'string').length, 4);
  assert.deepEqual(
    messages.slice(4).map((message) => message instanceof UnreadableMessage),
    [true, true],
  );
  const many = await read(`{"Messages":[${'1,'.repeat(5000)}1]}`);
  assert.equal(many.length, 1000);
});

test('the messages before a break count', async () => {
  const broken = new Error('broken');
  const readBroken = (text: string) => read(text, { chunkBytes: 10, failure: { error: broken } });
  assert.deepEqual(await readBroken('{"Messages":[{"a":1}, 2,{"b'), [{ a: 1 }, 2]);
  await assert.rejects(readBroken('{"Messages":[{"a":1}'), broken);
});

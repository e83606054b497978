import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createResume } from './follow-log.ts';
import { createTimestampReader } from './timestamps.ts';

const at = (second: number) => `2026-01-01T00:00:0${second}.000000000Z`;

/** Cuts the stream into blocks of a size, and returns the output and the last checkpoint. */
function readAll(stream: string, blockBytes: number, from?: { time: string; offset: number }, written = 0) {
  const read = createTimestampReader();
  const resume = createResume(from, written);
  const parts: Buffer[] = [];
  let checkpoint = from;
  const bytes = Buffer.from(stream);
  for (let n = 0; n < bytes.length; n += blockBytes) {
    const next = resume(read(bytes.subarray(n, n + blockBytes)));
    parts.push(next.bytes);
    checkpoint = next.checkpoint ?? checkpoint;
  }
  return { text: Buffer.concat(parts).toString(), checkpoint };
}

// Two lines have the same time, one is empty, and the last one has no end.
const lines = ['one two\n', '\n', 'three é\n', 'four\n', 'five'];
const times = [1, 2, 2, 3, 4].map(at);
const output = lines.join('');
const stream = lines.map((line, n) => `${times[n]} ${line}`).join('');

test('separates times from output, however the stream is cut', () => {
  for (let size = 1; size <= stream.length; size += 1) assert.equal(readAll(stream, size).text, output, `${size}`);
});

test('continues at every byte without a gap and without repetition', () => {
  const total = Buffer.byteLength(output);
  for (let written = 0; written <= total; written += 1) {
    const before = Buffer.from(output).subarray(0, written);
    let offset = 0;
    for (const [n, line] of lines.entries()) {
      // Each checkpoint that an earlier run can have left: the first line of its time, at or before what is written.
      if (offset <= written && times[n] !== times[n - 1]) {
        const { text } = readAll(stream, 7, { time: times[n] ?? '', offset }, written);
        // A character can be cut: compare bytes of whole texts only.
        const rest = Buffer.from(output).subarray(written).toString();
        assert.equal(text, rest, `written ${before.length}, checkpoint at line ${n}`);
      }
      offset += Buffer.byteLength(line);
    }
    assert.equal(readAll(stream, 64, undefined, written).text, Buffer.from(output).subarray(written).toString());
  }
});

test('says that output was dropped before it was read', () => {
  const { text, checkpoint } = readAll(`${at(5)} later\n`, 64, { time: at(3), offset: 10 }, 20);
  assert.match(text, /^\[plan42: output is missing here: .*\]\nlater\n$/);
  assert.deepEqual(checkpoint, { time: at(5), offset: 20 + text.indexOf('later') });
});

test('drops messages of the kubelet', () => {
  assert.equal(readAll(`unable to retrieve container logs for x\n${at(1)} y\n`, 9).text, 'y\n');
});

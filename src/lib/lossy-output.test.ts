import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { LossyOutput } from './lossy-output.ts';

/** A stream whose writes succeed, fail or wait, as a test needs it. */
function makeStream() {
  const waiting: (() => void)[] = [];
  const state: { mode: 'works' | 'fails' | 'waits'; written: string } = { mode: 'works', written: '' };
  const stream = new Writable({
    autoDestroy: false,
    emitClose: false,
    // The streams of processes stay usable after an error, too.
    destroy: (_error, done) => done(null),
    write(chunk: Buffer, _encoding, done) {
      const finish = () => {
        if (state.mode !== 'fails') state.written += chunk.toString();
        done(state.mode === 'fails' ? new Error('broken') : null);
      };
      if (state.mode === 'waits') waiting.push(finish);
      else finish();
    },
  });
  const resume = () => {
    state.mode = 'works';
    while (waiting.length > 0) waiting.shift()?.();
  };
  return { stream, state, resume };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function record(output: LossyOutput): string[] {
  const events: string[] = [];
  output.watch({
    onLoss: (error) => events.push(`lost: ${error.message}`),
    onRecovery: (count) => events.push(`recovered after ${count}`),
  });
  return events;
}

test('lines that cannot be written are dropped, counted and reported once', async () => {
  const { stream, state } = makeStream();
  const output = new LossyOutput(stream);
  const events = record(output);
  output.write('a\n');
  state.mode = 'fails';
  for (const line of ['b\n', 'c\n']) {
    output.write(line);
    await settled();
  }
  assert.deepEqual(events, ['lost: broken']);
});

test('an output that is not read holds a bounded number of bytes, and recovers', async () => {
  const { stream, state, resume } = makeStream();
  const output = new LossyOutput(stream);
  const events = record(output);
  state.mode = 'waits';
  const line = `${'x'.repeat(1023)}\n`;
  for (let i = 0; i < 10_000; i += 1) output.write(line);
  assert.ok(stream.writableLength < 300 * 1024, `${stream.writableLength} bytes`);
  assert.deepEqual(events, ['lost: its reader does not read']);
  resume();
  await settled();
  output.write('later\n');
  await settled();
  assert.match(state.written, /^(x{1023}\n){256,}later\n$/);
  const kept = state.written.split('\n').length - 2;
  assert.deepEqual(events.slice(1), [`recovered after ${10_000 - kept}`]);
});

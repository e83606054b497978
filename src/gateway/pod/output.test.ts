import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Report } from '../report.ts';
import { type Message, parseMessage } from './channel.ts';
import { createOutput } from './output.ts';

const empty = (): Report => ({ version: 1, mode: 'enforce', entries: [], others: { allowed: 0, refused: 0 } });

function collect() {
  const messages: Message[] = [];
  const output = createOutput({
    run: 5,
    write: (line) => {
      assert.ok(line.endsWith('\n') && !line.slice(0, -1).includes('\n'));
      const message = parseMessage(line.trimEnd());
      assert.ok(message);
      messages.push(message);
    },
  });
  return { output, messages };
}

test('messages are numbered, and lines are passed on as they are', () => {
  const { output, messages } = collect();
  using _ = output;
  output.writeLine('refused "a"\nb');
  output.writeReport(empty());
  assert.deepEqual(
    messages.map(({ run, n, content }) => [run, n, content.kind]),
    [
      [5, 1, 'line'],
      [5, 2, 'report'],
    ],
  );
  assert.deepEqual(messages[0]?.content, { kind: 'line', text: 'refused "a"\nb' });
});

test('a report that changes often is written now and then, and at the end as it is', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { output, messages } = collect();
  using _ = output;
  const report = empty();
  for (let changes = 0; changes < 10; changes += 1) {
    report.others.refused += 1;
    output.writeReport(report);
  }
  assert.equal(messages.length, 1);
  t.mock.timers.tick(1000);
  assert.equal(messages.length, 2);
  t.mock.timers.tick(1000);
  assert.equal(messages.length, 2);
  report.others.refused += 1;
  output.end();
  const [, , last, end] = messages.map(({ content }) => content);
  assert.equal(last?.kind === 'report' && last.report.others.refused, 11);
  assert.equal(end?.kind, 'end');
});

test('other output is no message', () => {
  for (const line of ['', 'plan42: cannot start', '{"run":1}', '{"run":1,"n":-1,"content":{"kind":"alive"}}', '{'])
    assert.equal(parseMessage(line), undefined);
});

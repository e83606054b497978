/** Error messages and log events in the documentation are those of the source. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');
const sources = globSync('src/**/*.{ts,tsx,sh}', { cwd: root, exclude: ['**/*.test.ts'] });
const source = sources
  .map((path) => readFileSync(join(root, path), 'utf8'))
  .join('\n')
  .replaceAll(/\\(['"`])/g, '$1');

test('messages in docs/troubleshooting.md exist', () => {
  const missing: string[] = [];
  for (const { text, line } of quotedInFirstColumn('docs/troubleshooting.md')) {
    // `…` stands for anything; the rest is literal.
    const parts = text.split('…').map((part) => part.replaceAll(/^[\s[(]+|[\s:)\].]+$/g, ''));
    for (const part of parts) if (!source.includes(part)) missing.push(`${line}: ${part}`);
  }
  assert.deepEqual(missing, []);
});

test('docs/log-events.md lists the events that the source logs', () => {
  const documented = quotedInFirstColumn('docs/log-events.md').map(({ text }) => text);
  const calls = source.matchAll(/ogger\s*\??\.(?:debug|info|warn|error)\(\s*'([^']+)'/g);
  const logged = [...new Set([...calls].map(([, event = '']) => event))];
  assert.deepEqual(documented.filter((event) => !source.includes(`'${event}'`)).toSorted(), [], 'not logged');
  assert.deepEqual(logged.filter((event) => !documented.includes(event)).toSorted(), [], 'not documented');
});

function quotedInFirstColumn(page: string): { text: string; line: number }[] {
  const lines = readFileSync(join(root, page), 'utf8').split('\n');
  return lines.flatMap((content, index) => {
    const [, cell = ''] = /^\| ([^|]*) \|/.exec(content) ?? [];
    return [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => ({ text, line: index + 1 }));
  });
}

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { allSettings } from '../config/find-setting.ts';
import { runnerMain } from './runner-main.ts';

test('the help of plan42-runner lists every setting, including those of connections', async () => {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const never = new AbortController().signal;
  const exitCode = await runnerMain({
    ...{ argv: ['--help'], env: {}, stdout, stderr, version: '1', versionText: '1' },
    signals: { drain: never, force: never },
    onReloadRequest: () => {},
  });
  stdout.end();
  const help = await text(stdout);
  assert.equal(exitCode, 0);
  const names = allSettings({})
    .filter(({ field }) => !field.secret)
    .map(({ name }) => name);
  for (const name of [...names, ...['name', 'url', 'connection_id', 'token'].map((key) => `github.<name>.${key}`)]) {
    assert.ok(help.includes(`\n  ${name}`), name);
  }
});

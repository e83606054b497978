import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { CliContext } from '../context.ts';
import { liveLines } from './live-lines.ts';

test('a status of a runner is shown in words that need no runner', () => {
  const stderr = new PassThrough({ encoding: 'utf8' });
  using live = liveLines({ stderr, env: {} } as unknown as CliContext, new PassThrough());
  live.setStatus('Pulling Agent Image on Local Runner');
  live.setStatus('Working: claude');
  live.setStatus('Working: claude');
  assert.equal(stderr.read(), 'Starting the Agent\nWorking: claude\n');
});

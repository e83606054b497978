import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { makeJobFolder } from '../../../../test/support/job-folder.ts';
import { readLog } from '../../../../test/support/job-log.ts';
import { createLogInput } from '../../../shim/shim.ts';
import { appendLine } from './append-line.ts';

const maxBytes = 2 ** 20;

test('a line is appended once, on a line of its own', async () => {
  await using job = await makeJobFolder();
  await writeFile(job.logFile, 'half a line', { mode: 0o600 });
  for (let times = 0; times < 2; times++) await appendLine(job, '[plan42: it ended]', maxBytes);
  assert.equal(await readLog(job.logFile), 'half a line\n[plan42: it ended]\n');
});

test('a line that a killed runner has only noted is appended', async () => {
  await using job = await makeJobFolder();
  await appendLine(job, 'first', maxBytes);
  createLogInput(job)('second\n');
  await appendLine(job, 'second', maxBytes);
  assert.equal(await readLog(job.logFile), 'first\nsecond\n');
});

import assert from 'node:assert/strict';
import { appendFile, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeJobFolder } from '../../test/support/job-folder.ts';
import { readLog } from '../../test/support/job-log.ts';
import { assertLinesTo } from '../../test/support/numbered-lines.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { logFileOf, readJobLog, readLogTail, removeLog, statLog } from './job-log.ts';
import { launch, waitForExit } from './shim.ts';

const { signal: never } = new AbortController();

/** A log of these segments, of which the first begins at `start`. */
async function makeLog(segments: readonly string[], start = 0) {
  const dir = await makeTempDir();
  const logFile = join(dir.path, 'job.log');
  const log = {
    logFile,
    folder: dir.path,
    rotate: async (at: number) => {
      await mkdir(`${logFile}.older`, { recursive: true });
      await rename(logFile, join(`${logFile}.older`, String(at).padStart(15, '0')));
    },
    last: async (lines: number) =>
      Buffer.concat(await Array.fromAsync(readJobLog({ logFile, lines, signal: never }))).toString(),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
  let position = start;
  for (const [index, text] of segments.entries()) {
    await writeFile(logFile, text);
    if (index < segments.length - 1) await log.rotate(position);
    position += text.length;
  }
  return log;
}

/** Follows a log in the background. */
function follow(logFile: string, lines = Number.POSITIVE_INFINITY) {
  let isFinished = false;
  const follower = {
    text: '',
    shows: (text: string) => eventually(async () => follower.text.endsWith(text)),
    finish: async () => {
      isFinished = true;
      await done;
      return follower.text;
    },
  };
  const done = (async () => {
    const options = { logFile, lines, isFinished: async () => isFinished, signal: never };
    for await (const block of readJobLog(options)) follower.text += block.toString();
  })();
  return follower;
}

describe('a log in segments', () => {
  test('is read as one, also its last lines, of which one is in two segments', async () => {
    await using log = await makeLog(['one\ntwo\nth', 'ree\n', 'four\nfi', 've\n']);
    for (const [lines, text] of [
      [Number.POSITIVE_INFINITY, 'one\ntwo\nthree\nfour\nfive\n'],
      [1, 'five\n'],
      [2, 'four\nfive\n'],
      [3, 'three\nfour\nfive\n'],
      [4, 'two\nthree\nfour\nfive\n'],
      [9, 'one\ntwo\nthree\nfour\nfive\n'],
      [0, ''],
    ] as const)
      assert.equal(await log.last(lines), text);
    assert.equal(await readLogTail(log.logFile, 10), 'four five');
    assert.equal((await statLog(log.logFile))?.bytes, 24);
  });

  test('says how many bytes were dropped, with the rest of a line', async () => {
    await using log = await makeLog(['ree\nfour\n', 'five\n'], 10);
    assert.equal(await log.last(9), '[plan42: the first 14 bytes of this log were dropped]\nfour\nfive\n');
    assert.equal(await log.last(1), 'five\n');
  });

  test('is the single file of a job of an earlier version', async () => {
    await using log = await makeLog(['[plan42: the first 10 bytes of this log were cut]\none\n']);
    assert.equal(await log.last(1), 'one\n');
    assert.equal(await removeLog(log.logFile, async () => false), true);
    assert.deepEqual(await readdir(log.folder), []);
  });

  test('is empty if it does not exist', async () => {
    assert.equal(await statLog('/does/not/exist.log'), undefined);
    assert.equal(await readLogTail('/does/not/exist.log', 100), '');
    assert.equal(await readLog('/does/not/exist.log'), '');
  });
});

describe('removing a log', () => {
  test('removes all segments', async () => {
    await using log = await makeLog(['one\n', 'two\n', 'three\n']);
    assert.equal(await removeLog(log.logFile, async () => false), true);
    assert.deepEqual(await readdir(log.folder), []);
    assert.equal(await removeLog(log.logFile, async () => false), true);
  });

  test('keeps them if the log is needed', async () => {
    await using log = await makeLog(['one\n', 'two\n']);
    assert.equal(await removeLog(log.logFile, async () => true), false);
    assert.equal(await log.last(9), 'one\ntwo\n');
    assert.deepEqual((await readdir(log.folder)).toSorted(), ['job.log', 'job.log.older']);
  });

  test('takes older segments without a newest one for the same log', async () => {
    await using log = await makeLog(['one\n', 'two\n']);
    const [, older = ''] = (await readdir(log.folder)).toSorted();
    assert.equal(logFileOf(join(log.folder, older)), log.logFile);
    assert.equal(logFileOf(log.logFile), log.logFile);
  });
});

describe('following a log', () => {
  test('continues in the next segment, from any position', async () => {
    await using log = await makeLog(['one\n', 'two\nth']);
    const follower = follow(log.logFile, 1);
    await follower.shows('th');
    await appendFile(log.logFile, 'ree\n');
    await log.rotate(4);
    await writeFile(log.logFile, 'four\n');
    await follower.shows('four\n');
    assert.equal(await follower.finish(), 'three\nfour\n');
  });

  test('begins before there is a log, and ends when the log was removed', async () => {
    await using log = await makeLog([]);
    const follower = follow(log.logFile);
    await writeFile(log.logFile, 'first\n');
    await follower.shows('first\n');
    await removeLog(log.logFile, async () => false);
    assert.equal(await follower.finish(), 'first\n');
  });

  test('begins again when the log was truncated', async () => {
    await using log = await makeLog(['first\n']);
    const follower = follow(log.logFile);
    await follower.shows('first\n');
    await writeFile(log.logFile, 'new\n');
    await follower.shows('new\n');
    assert.equal(await follower.finish(), 'first\nnew\n');
  });

  test('loses no line and reads none twice while a job writes segment after segment', async () => {
    await using job = await makeJobFolder();
    // Some thousand lines at a time, so that a reader can keep up.
    const script = 'i=1; while [ $i -lt 400000 ]; do seq $i $((i + 4999)); i=$((i + 5000)); sleep 0.02; done';
    await launch({
      job: { ...job, maxLogBytes: 2 ** 20 },
      command: ['/bin/sh', '-c', script],
      env: { PATH: '/usr/bin:/bin' },
      cwd: '/',
    });
    const follower = follow(job.logFile);
    await waitForExit(job.folder);
    assert.equal(assertLinesTo(400_000, await follower.finish()), 0);
    assert.ok((await readdir(`${job.logFile}.older`)).length > 1);
    assert.deepEqual((await readdir(dirname(job.logFile))).toSorted(), ['job', 'job.log', 'job.log.older']);
  });
});

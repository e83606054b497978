import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFile, open, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { eventually } from '../../test/support/eventually.ts';
import { makeTempDir, type TempDir } from '../../test/support/temp-dir.ts';
import { findLastLines } from './last-lines.ts';
import { readLog } from './read-log.ts';

let dir: TempDir;
let path: string;
beforeEach(async () => {
  dir = await makeTempDir();
  path = join(dir.path, 'a.log');
});
afterEach(() => dir[Symbol.asyncDispose]());

const { signal: never } = new AbortController();

async function show(lines: number, files: readonly string[] = []): Promise<string> {
  const pieces = await Array.fromAsync(readLog({ files: [path, ...files], lines, signal: never }));
  return Buffer.concat(pieces).toString();
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `${from + i}: some text that makes it a line of usual length\n`).join('');

/** Follows the log in the background. */
function follow(lines = Number.POSITIVE_INFINITY, files: readonly string[] = []) {
  const controller = new AbortController();
  let isFinished = false;
  const follower = {
    text: '',
    done: Promise.resolve(),
    /** Marks the log as finished. */
    finish: async () => {
      isFinished = true;
      await follower.done;
      return follower.text;
    },
    shows: (text: string) => eventually(async () => follower.text.endsWith(text)),
    stop: (reason: Error) => controller.abort(reason),
  };
  follower.done = (async () => {
    const options = { files: [path, ...files] as [string, ...string[]], lines, signal: controller.signal };
    for await (const piece of readLog({ ...options, isFinished: async () => isFinished }))
      follower.text += piece.toString();
  })();
  return follower;
}

describe('the last lines of a log', () => {
  test('equal those of a split, with lines and blocks of any length', async () => {
    const lineArbitrary = fc.oneof(
      fc.constantFrom('', 'x', 'a line'),
      fc.integer({ min: 0, max: 150_000 }).map((n) => 'y'.repeat(n)),
    );
    const logs = fc.tuple(fc.array(lineArbitrary, { maxLength: 12 }), fc.boolean(), fc.nat(14));
    await fc.assert(
      fc.asyncProperty(logs, async ([lines, closed, wanted]) => {
        const text = lines.join('\n') + (closed && lines.length > 0 ? '\n' : '');
        await writeFile(path, text);
        const whole = text.split(/(?<=\n)/);
        assert.equal(await show(wanted), wanted === 0 ? '' : whole.slice(-wanted).join(''));
      }),
      { numRuns: 60 },
    );
  });

  test('of a log of 200 MiB are found without reading all of it', async () => {
    await using file = await open(path, 'w+');
    await file.truncate(200 * 1024 * 1024);
    await file.write('\nlast but one\nlast\n', 200 * 1024 * 1024);
    let read = 0;
    const counting = new Proxy(file, {
      get: (target, name) => {
        if (name !== 'read') return Reflect.get(target, name) as unknown;
        return async (...args: Parameters<typeof file.read>) => {
          const result = await file.read(...args);
          read += result.bytesRead;
          return result;
        };
      },
    });
    const { size } = await file.stat();
    assert.deepEqual(await findLastLines(counting, size, 2), {
      offset: size - 'last but one\nlast\n'.length,
      count: 2,
    });
    assert.ok(read <= 64 * 1024, `${read} bytes were read`);
    assert.equal(await show(2), 'last but one\nlast\n');
  });

  test('do not wait for the writer of a named pipe', async () => {
    execFileSync('mkfifo', [path]);
    await assert.rejects(show(1), { message: `cannot read ${path}: it is a pipe, not a file` });
    await assert.rejects(follow().done, { message: `cannot read ${path}: it is a pipe, not a file` });
  });

  test('reach back into rotated files', async () => {
    await writeFile(path, 'e\nf\n');
    await writeFile(`${path}.1`, 'c\nd\n');
    await writeFile(`${path}.2`, 'a\nb\n');
    const rotated = [`${path}.1`, `${path}.2`, `${path}.3`];
    assert.equal(await show(1, rotated), 'f\n');
    assert.equal(await show(3, rotated), 'd\ne\nf\n');
    assert.equal(await show(5, rotated), 'b\nc\nd\ne\nf\n');
    assert.equal(await show(Number.POSITIVE_INFINITY, rotated), 'a\nb\nc\nd\ne\nf\n');
  });
});

describe('a log that is followed', () => {
  test('is read from its last lines, as it grows, to its end', async () => {
    await writeFile(path, numbered(0, 100));
    const follower = follow(2);
    await follower.shows(numbered(98, 100));
    await appendFile(path, 'half a li');
    await follower.shows('half a li');
    await appendFile(path, 'ne\n');
    await follower.shows('ne\n');
    await appendFile(path, numbered(100, 5000));
    assert.equal(await follower.finish(), `${numbered(98, 100)}half a line\n${numbered(100, 5000)}`);
  });

  test('may be created later, in a folder that does not exist yet', async () => {
    const follower = follow();
    await delay(20);
    await writeFile(path, 'first\n');
    await follower.shows('first\n');
    assert.equal(await follower.finish(), 'first\n');
  });

  test('restarts after a truncation, even if it has grown beyond its old size', async () => {
    await writeFile(path, numbered(0, 100));
    const follower = follow();
    await follower.shows(numbered(99, 100));
    await truncate(path, 0);
    await writeFile(path, 'again\n');
    await follower.shows('again\n');
    await writeFile(path, numbered(500, 900));
    await follower.shows(numbered(899, 900));
    assert.equal(await follower.finish(), `${numbered(0, 100)}again\n${numbered(500, 900)}`);
  });

  test('continues with a new file after a rotation', async () => {
    await writeFile(path, numbered(0, 3000));
    const follower = follow(1, [`${path}.1`]);
    await follower.shows(numbered(2999, 3000));
    await appendFile(path, 'last words\n');
    await rename(path, `${path}.1`);
    await writeFile(path, 'first words\n');
    await follower.shows('first words\n');
    assert.equal(await follower.finish(), `${numbered(2999, 3000)}last words\nfirst words\n`);
  });

  test('ends with its content after it is deleted', async () => {
    await writeFile(path, 'a\n');
    const follower = follow();
    await follower.shows('a\n');
    await rm(path);
    assert.equal(await follower.finish(), 'a\n');
  });

  test('stops when aborted', async () => {
    await writeFile(path, 'a\n');
    const follower = follow();
    await follower.shows('a\n');
    follower.stop(new Error('enough'));
    await assert.rejects(follower.done, /enough/);
  });
});

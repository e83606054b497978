import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { makeTempDir, type TempDir } from '../../test/support/temp-dir.ts';
import {
  openToRead,
  openToReadSync,
  readBytes,
  readNamedText,
  readText,
  readTextIfExists,
  readTextSync,
} from './read-file.ts';

let dir: TempDir;
let path: string;
beforeEach(async () => {
  dir = await makeTempDir();
  path = join(dir.path, 'file');
});
afterEach(() => dir[Symbol.asyncDispose]());

const readers: readonly [name: string, read: (path: string) => Promise<unknown>][] = [
  ['readBytes', (file) => readBytes(file)],
  ['readText', (file) => readText(file)],
  ['readTextIfExists', (file) => readTextIfExists(file)],
  ['readTextSync', async (file) => readTextSync(file)],
  ['openToRead', (file) => openToRead(file)],
  ['openToReadSync', async (file) => openToReadSync(file)],
];

describe('reading a file', () => {
  test('waits for nothing and says what is not a file', async () => {
    execFileSync('mkfifo', [path]);
    const socket = join(dir.path, 'socket');
    await using server = createServer().listen(socket);
    await once(server, 'listening');
    const kinds = [
      [path, 'a pipe'],
      [dir.path, 'a folder'],
      ['/dev/zero', 'a device'],
      [socket, 'a socket'],
    ] as const;
    for (const [file, kind] of kinds) {
      for (const [name, read] of readers) {
        await assert.rejects(read(file), { message: `cannot read ${file}: it is ${kind}, not a file` }, name);
      }
    }
  });

  test('reads files of any size up to the limit, and those of the kernel', async () => {
    const content = 'ü'.repeat(100_000);
    await writeFile(path, content);
    const maxBytes = 2 * content.length;
    assert.equal(await readText(path), content);
    assert.equal(await readText(path, { maxBytes }), content);
    assert.equal(readTextSync(path, { maxBytes }), content);
    const tooLarge = { message: `cannot read ${path}: it is larger than 195 KiB` };
    await assert.rejects(readText(path, { maxBytes: maxBytes - 1 }), tooLarge);
    assert.throws(() => readTextSync(path, { maxBytes: maxBytes - 1 }), tooLarge);
    // Its size is 0.
    assert.match(await readText('/proc/self/status'), /^Name:/);
    assert.match(readTextSync('/proc/self/status'), /^Name:/);
    assert.equal(await readTextIfExists(join(dir.path, 'missing')), undefined);
  });
});

describe('a file that a user names', () => {
  test('may be a pipe, whose writer may come later', async () => {
    execFileSync('mkfifo', [path]);
    const writer = promisify(execFile)('/bin/sh', ['-c', 'printf %s text >"$0"', path]);
    assert.equal(await readNamedText(path, {}), 'text');
    await writer;
  });

  test('may be a pipe that is interrupted, before and after its writer has come', async () => {
    execFileSync('mkfifo', [path]);
    const reason = new Error('interrupted');
    const controller = new AbortController();
    const waiting = readNamedText(path, { signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await assert.rejects(waiting);
    using writer = execFile('/bin/sh', ['-c', 'exec 3>"$0"; echo open; exec sleep 1000', path]);
    const later = new AbortController();
    const reading = readNamedText(path, { signal: later.signal });
    writer.stdout?.once('data', () => later.abort(reason));
    await assert.rejects(reading);
  });

  test('never has more than the limit', async () => {
    const maxBytes = 100_000;
    const tooLarge = /: it is larger than 98 KiB$/;
    await assert.rejects(readNamedText('/dev/zero', { maxBytes }), tooLarge);
    execFileSync('mkfifo', [path]);
    using _ = execFile('/bin/sh', ['-c', 'exec cat /dev/zero >"$0"', path]);
    await assert.rejects(readNamedText(path, { maxBytes }), tooLarge);
    assert.equal(await readNamedText('/dev/null', { maxBytes }), '');
  });
});

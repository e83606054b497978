import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode } from '../../src/lib/errors.ts';
import { run } from './engines/processes.ts';
import { makeTempDir } from './temp-dir.ts';

/** `unread`: a pipe that is full, and whose reader does not read. */
export type Breakage = 'closed' | 'full' | 'unread';

/** An output for a process, which can be broken at any time. */
export interface BreakableOutput extends AsyncDisposable {
  /** For `stdio` of a child. */
  fd: number;
  break: () => Promise<void>;
}

/** `full` mounts a small disk, which only root can do. */
export async function makeBreakableOutput(breakage: Breakage): Promise<BreakableOutput> {
  await using resources = new AsyncDisposableStack();
  const dir = resources.use(await makeTempDir());
  const open = (path: string, flags: number) => {
    const fd = openSync(path, flags, 0o600);
    let isOpen = true;
    const close = () => {
      if (isOpen) closeSync(fd);
      isOpen = false;
    };
    resources.defer(close);
    return { fd, close };
  };
  const path = join(dir.path, 'output');
  if (breakage === 'full') {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'none', dir.path]);
    resources.defer(async () => void (await run('umount', ['--lazy', dir.path])));
    const { fd } = open(path, constants.O_CREAT | constants.O_WRONLY | constants.O_APPEND);
    return owned(resources, fd, () => fillDisk(path));
  }
  await promisify(execFile)('mkfifo', [path]);
  // Its reader is open first: opening a pipe for writing waits for one.
  const reader = open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const { fd } = open(path, constants.O_WRONLY);
  if (breakage === 'closed') return owned(resources, fd, reader.close);
  const filler = open(path, constants.O_WRONLY | constants.O_NONBLOCK);
  return owned(resources, fd, () => fillPipe(filler.fd));
}

function owned(resources: AsyncDisposableStack, fd: number, breakIt: () => void | Promise<void>): BreakableOutput {
  const all = resources.move();
  return { fd, break: async () => breakIt(), [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function fillDisk(path: string): Promise<void> {
  const pages = async () => {
    for (;;) await appendFile(path, Buffer.alloc(4096));
  };
  await pages().catch(requireCode('ENOSPC'));
}

function fillPipe(fd: number): void {
  for (const size of [4096, 1]) {
    try {
      for (;;) writeSync(fd, Buffer.alloc(size));
    } catch (error) {
      requireCode('EAGAIN')(error);
    }
  }
}

function requireCode(code: string): (error: unknown) => void {
  return (error) => {
    if (errorCode(error) !== code) throw error;
  };
}

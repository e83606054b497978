import { execFile, spawn } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { errorCode } from '../../src/lib/errors.ts';
import { run } from './engines/processes.ts';
import { eventually } from './eventually.ts';
import { makeTempDir } from './temp-dir.ts';

/** An output that accepts nothing. `unread`: a full pipe whose reader does not read. `stopped`: a terminal after Ctrl-S. */
export type Blockage = 'unread' | 'stopped';
export type Breakage = 'closed' | 'full' | Blockage;

/** An output for a process, which can be broken at any time. */
export interface BreakableOutput extends AsyncDisposable {
  /** For `stdio` of a child. */
  fd: number;
  break: () => Promise<void>;
}

/** An output that can be read again. */
export interface BlockableOutput extends BreakableOutput {
  mend: () => void;
  /** Everything that has been read. */
  text: () => string;
}

/** A file on a small disk, which only root can mount, or a pipe. */
export async function makeBreakableOutput(breakage: Exclude<Breakage, Blockage>): Promise<BreakableOutput> {
  if (breakage === 'closed') return closable();
  await using resources = new AsyncDisposableStack();
  const dir = resources.use(await makeTempDir());
  const path = join(dir.path, 'output');
  await run('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'none', dir.path]);
  resources.defer(async () => void (await run('umount', ['--lazy', dir.path])));
  const { fd } = resources.use(open(path, constants.O_CREAT | constants.O_WRONLY | constants.O_APPEND));
  return owned(resources, fd, () => fillDisk(path));
}

/** Whether the test can have a full disk. */
export function canMount(t: TestContext): boolean {
  if (process.platform === 'linux' && process.getuid?.() === 0) return true;
  t.skip('missing prerequisite: a small disk: only root can mount one');
  return false;
}

/** A pipe or a terminal. */
export function makeBlockableOutput(blockage: Blockage): Promise<BlockableOutput> {
  return blockage === 'unread' ? unreadPipe() : stoppableTerminal();
}

async function closable(): Promise<BreakableOutput> {
  await using resources = new AsyncDisposableStack();
  const { reader, writer } = await openPipe(resources);
  return owned(resources, writer.fd, reader[Symbol.dispose]);
}

async function unreadPipe(): Promise<BlockableOutput> {
  await using resources = new AsyncDisposableStack();
  const { writer, path } = await openPipe(resources);
  const filler = resources.use(open(path, constants.O_WRONLY | constants.O_NONBLOCK));
  const cat = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'ignore'] });
  resources.defer(() => void cat.kill('SIGKILL'));
  const block = async () => {
    cat.kill('SIGSTOP');
    await eventually(async () => (await readFile(`/proc/${cat.pid}/stat`, 'utf8')).includes(') T '));
    fill(filler.fd);
  };
  return { ...owned(resources, writer.fd, block), mend: () => void cat.kill('SIGCONT'), text: collect(cat.stdout) };
}

const [ctrlS, ctrlQ] = ['\u0013', '\u0011'];

/** The terminal has no program of its own, so whatever is written to it comes from the process that gets it as an output. */
async function stoppableTerminal(): Promise<BlockableOutput> {
  await using resources = new AsyncDisposableStack();
  const dir = resources.use(await makeTempDir());
  const name = join(dir.path, 'tty');
  const command = `tty >${name}.new && mv ${name}.new ${name} && exec sleep infinity`;
  const script = spawn('script', ['-qfc', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
  resources.defer(() => void script.kill('SIGKILL'));
  const text = collect(script.stdout);
  const path = await eventually(() => readFile(name, 'utf8').catch(() => undefined));
  const { fd } = resources.use(open(path.trim(), constants.O_WRONLY | constants.O_NOCTTY));
  const press = (key: string) => void script.stdin.write(key);
  const block = async () => {
    press(ctrlS);
    await eventually(async () => isBlocked(path.trim()));
  };
  return { ...owned(resources, fd, block), mend: () => press(ctrlQ), text };
}

/** Whether the terminal has stopped its output. */
function isBlocked(path: string): boolean {
  using probe = open(path, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
  try {
    writeSync(probe.fd, '\0');
    return false;
  } catch (error) {
    requireCode('EAGAIN')(error);
    return true;
  }
}

/** Reads at once. Leaves out the null bytes that fill and probe an output. */
function collect(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk.replaceAll(/[\0\r]/g, '');
  });
  return () => text;
}

async function openPipe(resources: AsyncDisposableStack) {
  const dir = resources.use(await makeTempDir());
  const path = join(dir.path, 'output');
  await promisify(execFile)('mkfifo', [path]);
  // Its reader is open first: opening a pipe for writing waits for one.
  const reader = resources.use(open(path, constants.O_RDONLY | constants.O_NONBLOCK));
  const writer = resources.use(open(path, constants.O_WRONLY));
  return { path, reader, writer };
}

function open(path: string, flags: number): { fd: number } & Disposable {
  const fd = openSync(path, flags, 0o600);
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  return { fd, [Symbol.dispose]: close };
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

/** Writes to a pipe or a terminal, which must be non-blocking, until it accepts nothing more. */
export function fill(fd: number): void {
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

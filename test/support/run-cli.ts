import { PassThrough, Readable, Writable } from 'node:stream';
import type { CliContext } from '../../src/cli/context.ts';
import { main } from '../../src/cli/main.ts';

export interface CliRun {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface CliRunOptions {
  env?: NodeJS.ProcessEnv;
  stdin?: string;
  /** Makes standard output and error terminals of so many columns. */
  columns?: number;
  signal?: AbortSignal;
  /** Instead of one that captures. */
  stdout?: Writable;
  handOver?: CliContext['handOver'];
  /** Called with what has been written so far, whenever something is. */
  onOutput?: (soFar: { stdout: string; stderr: string }) => void;
}

/** Runs the real `plan42` command line in this process. */
export async function runCli(argv: readonly string[], options: CliRunOptions = {}): Promise<CliRun> {
  const output = { stdout: '', stderr: '' };
  const capture = (name: 'stdout' | 'stderr') => {
    const stream = new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, done) {
        output[name] += chunk;
        options.onOutput?.(output);
        done();
      },
    });
    return options.columns === undefined ? stream : Object.assign(stream, { isTTY: true, columns: options.columns });
  };
  const exitCode = await main({
    argv,
    env: options.env ?? {},
    stdin: options.stdin === undefined ? new PassThrough() : Readable.from([options.stdin]),
    stdout: options.stdout ?? capture('stdout'),
    stderr: capture('stderr'),
    signal: options.signal ?? new AbortController().signal,
    version: '1.2.3',
    handOver: options.handOver ?? unexpectedHandOver,
  });
  return { exitCode, ...output };
}

function unexpectedHandOver(executable: string): never {
  throw new Error(`unexpected hand-over to ${executable}`);
}

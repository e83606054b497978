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
  platform?: NodeJS.Platform;
  uid?: number;
  runnerCommand?: CliContext['runnerCommand'];
  plan42Command?: CliContext['plan42Command'];
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
        if (chunk !== '') options.onOutput?.(output);
        done();
      },
    });
    return options.columns === undefined ? stream : Object.assign(stream, { isTTY: true, columns: options.columns });
  };
  const exitCode = await main({
    ...commandContext(argv),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.stdin === undefined ? {} : { stdin: Readable.from([options.stdin]) }),
    stdout: options.stdout ?? capture('stdout'),
    stderr: capture('stderr'),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.platform === undefined ? {} : { platform: options.platform }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.runnerCommand === undefined ? {} : { runnerCommand: options.runnerCommand }),
    ...(options.plan42Command === undefined ? {} : { plan42Command: options.plan42Command }),
    ...(options.handOver === undefined ? {} : { handOver: options.handOver }),
  });
  return { exitCode, ...output };
}

/** The default context of a command. Its output is discarded. */
export function commandContext(argv: readonly string[]): CliContext {
  return {
    argv,
    env: {},
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    signal: new AbortController().signal,
    version: '1.2.3',
    versionText: '1.2.3',
    becomeService: () => new AbortController().signal,
    nameProcess: () => {},
    onReloadRequest: () => {},
    plan42Command: ['/usr/bin/plan42'],
    platform: process.platform,
    uid: process.getuid?.() ?? 0,
    runnerCommand: ['/nowhere/plan42-runner'],
    handOver: unexpectedHandOver,
  };
}

function unexpectedHandOver(executable: string): never {
  throw new Error(`unexpected hand-over to ${executable}`);
}

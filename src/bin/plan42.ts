import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, extname, isAbsolute, join } from 'node:path';
import { isSea } from 'node:sea';
import { hangup, type SiblingExecutable, type StartPager } from '../cli/context.ts';
import { main } from '../cli/main.ts';
import { ExitCode } from '../lib/errors.ts';
import { showSourcePositions } from '../lib/source-positions.ts';
import { describeVersion, version } from '../lib/version.ts';
import { onHangup } from './hangup.ts';
import { nameProcess } from './name-process.ts';
import { exitAfterOutput, stderr, stdout } from './standard-streams.ts';

showSourcePositions();
nameProcess('plan42');
const interruption = new AbortController();
let pagers = 0;
let interruptListener: (() => void) | undefined;
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The terminal sends SIGINT to the pager too, which does not quit on it.
    if (name === 'SIGINT' && pagers > 0) return;
    if (name === 'SIGINT' && interruptListener !== undefined && !interruption.signal.aborted) {
      interruptListener();
      return;
    }
    // The second signal exits at once.
    if (interruption.signal.aborted) process.exit(ExitCode.interrupted);
    interruption.abort();
  });
}

let reload: (() => void) | undefined;
onHangup({
  onClosed: () => interruption.abort(hangup),
  onRequest: (isDetached) => {
    if (reload !== undefined) reload();
    else if (!isDetached) interruption.abort(hangup);
  },
});

const exitCode = await main({
  argv: process.argv.slice(2),
  env: process.env,
  stdin: process.stdin,
  stdout,
  stderr,
  signal: interruption.signal,
  ...(process.stdin.isTTY && stderr.isTTY ? { onInterrupt } : {}),
  version,
  versionText: describeVersion(),
  onReloadRequest: (listener) => {
    reload = listener;
  },
  ...(stdout.isTTY ? { startPager } : {}),
  platform: process.platform,
  uid: process.getuid?.() ?? 0,
  runnerCommand: commandOf('plan42-runner'),
  plan42Command: commandOf('plan42'),
  nameProcess,
  handOver: replaceProcess,
});
exitAfterOutput(exitCode, interruption.signal);

function onInterrupt(listener: () => void): Disposable {
  interruptListener = listener;
  return {
    [Symbol.dispose]: () => {
      interruptListener = undefined;
    },
  };
}

function startPager(...[file, args, env]: Parameters<StartPager>): ReturnType<StartPager> {
  pagers += 1;
  return spawn(file, args, { env, stdio: ['pipe', 'inherit', 'inherit'] }).once('close', () => {
    pagers -= 1;
  });
}

/** The other executables are in the same folder: bundles in dist/js, or sources in src/bin. */
function siblingScript(executable: SiblingExecutable | 'plan42'): string {
  return join(import.meta.dirname, executable + extname(import.meta.filename));
}

/**
 * The launcher, if there is one, looks for Node.js at each start, and so survives upgrades of Node.js. A packaged executable is
 * referred to by its link in the PATH, because its real path may contain the version.
 */
function commandOf(name: 'plan42' | 'plan42-runner'): [string, ...string[]] {
  if (isSea()) return [linkInPath(name) ?? join(dirname(process.execPath), name)];
  const launcher = join(import.meta.dirname, '../../bin', name);
  if (existsSync(launcher)) return [launcher];
  return [process.execPath, ...process.execArgv, siblingScript(name)];
}

/** The first link to this executable in the PATH. */
function linkInPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  const real = realpathSync(process.execPath);
  const isOurs = (path: string) => existsSync(path) && realpathSync(path) === real;
  return folders.map((folder) => join(folder, name)).find(isOurs);
}

// execve(2) instead of a child: one process, so signals, the terminal and the exit code need no forwarding. A Ctrl-C that
// the terminal sends to the whole group arrives once, and a service manager sees the runner itself.
function replaceProcess(executable: SiblingExecutable, args: readonly string[]): never {
  const { execPath, execArgv, execve } = process;
  if (execve === undefined) throw new Error('this platform has no execve');
  const command = isSea() ? [executable] : [execPath, ...execArgv, siblingScript(executable)];
  return execve(execPath, [...command, ...args], process.env);
}

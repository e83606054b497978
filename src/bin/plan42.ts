import { extname, join } from 'node:path';
import type { SiblingExecutable } from '../cli/context.ts';
import { main } from '../cli/main.ts';
import { ExitCode } from '../lib/errors.ts';
import { version } from '../lib/version.ts';

const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The second one is from somebody who doesn't want to wait.
    if (interruption.signal.aborted) process.exit(ExitCode.interrupted);
    interruption.abort();
  });
}

process.exitCode = await main({
  argv: process.argv.slice(2),
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruption.signal,
  version,
  handOver: (executable, args) => replaceProcess(siblingScript(executable), args),
});

/** The other executables lie beside this one: as bundles in dist/js, or as sources in src/bin. */
function siblingScript(executable: SiblingExecutable): string {
  return join(import.meta.dirname, executable + extname(import.meta.filename));
}

// execve(2) instead of a child: one process, so signals, the terminal and the exit code need no forwarding. A Ctrl-C that
// the terminal sends to the whole group arrives once, and a service manager sees the runner itself.
function replaceProcess(script: string, args: readonly string[]): never {
  const { execPath, execArgv, execve } = process;
  if (execve === undefined) throw new Error('this platform cannot replace a process by another');
  return execve(execPath, [execPath, ...execArgv, script, ...args], process.env);
}

/** A container that the wall's `init` starts, with a gateway of the test's own. */
import { once } from 'node:events';
import { chmod, copyFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { withShortPath } from '../../../src/lib/short-path.ts';
import { run } from '../engines/processes.ts';
import { makeTempDir } from '../temp-dir.ts';

export interface Walled extends AsyncDisposable {
  /** Waits until the container exits. */
  exit: () => Promise<{ exitCode: number; output: string }>;
  kill: (signal: string) => Promise<unknown>;
  /** Runs a program of this machine in the container's network; returns its output. */
  inNetwork: (program: string, ...args: string[]) => Promise<string>;
}

export interface WalledOptions {
  /** Runs a command of the engine. */
  engine: (...args: string[]) => Promise<string>;
  /** Options of `run` with which the engine keeps the container's output. */
  logOptions: readonly string[];
  image: string;
  command: readonly string[];
  network?: string;
  /** More options of `run`. */
  options?: readonly string[];
  onConnection: (socket: Socket) => void;
}

const init = join(import.meta.dirname, '../../../dist/wall', `init-${process.arch}`);

export async function startWalled(given: WalledOptions): Promise<Walled> {
  const { engine, logOptions, image, command, network = 'none', options = [], onConnection } = given;
  await using undo = new AsyncDisposableStack();
  const dir = undo.use(await makeTempDir());
  await copyFile(init, join(dir.path, 'init'));
  // Any user of the container uses them.
  for (const path of [dir.path, join(dir.path, 'init')]) await chmod(path, 0o755);
  const server = createServer({ allowHalfOpen: true }, onConnection);
  undo.defer(() => void server.close());
  const socket = join(dir.path, 'gateway.sock');
  await withShortPath(socket, async (path) => {
    server.listen({ path, backlog: 4096 });
    await once(server, 'listening');
  });
  await chmod(socket, 0o666);
  const container = `plan42-wall-${crypto.randomUUID()}`;
  const wall = ['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--network', network];
  const mount = ['--mount', `type=bind,source=${dir.path},target=/plan42-wall,readonly`];
  const start = ['--entrypoint', '/plan42-wall/init', image, ...command];
  undo.defer(async () => void (await engine('rm', '--force', container).catch(() => {})));
  await engine('run', '--detach', '--name', container, ...logOptions, ...wall, ...options, ...mount, ...start);
  const owned = undo.move();
  return {
    exit: async () => {
      const exitCode = Number(await engine('wait', container));
      // Both streams, in any order.
      const output = await engine('logs', container);
      return { exitCode, output };
    },
    kill: (signal) => engine('kill', '--signal', signal, container),
    inNetwork: async (program, ...args) => {
      const pid = (await engine('inspect', '--format', '{{.State.Pid}}', container)).trim();
      return run('nsenter', ['--target', pid, '--net', program, ...args]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

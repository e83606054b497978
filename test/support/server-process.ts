import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const ownBin = join(import.meta.dirname, '../../bin');

/** Runs the built `plan42 server start`. */
export class ServerProcess implements AsyncDisposable {
  readonly url: string;
  readonly dataDir: string;
  /** Standard error so far. */
  log = '';
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, dataDir: string, url: string) {
    this.#child = child;
    this.dataDir = dataDir;
    this.url = url;
  }

  /**
   * @param port 0 selects a free port
   * @param bin the folder of the executable
   * @param env added to the environment of this process
   */
  static async start(
    dataDir: string,
    port = 0,
    options: readonly string[] = [],
    bin = ownBin,
    env: NodeJS.ProcessEnv = {},
  ): Promise<ServerProcess> {
    const listen = ['--listen', `127.0.0.1:${port}`, '--data', dataDir, '--log-level', 'debug'];
    const args = ['server', 'start', ...listen, ...options];
    const child = spawn(join(bin, 'plan42'), args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    let greeting = '';
    let stderr = '';
    child.stdout.setEncoding('utf8');
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (text.includes('#sign-in')) throw new Error(`a sign-in link in the log: ${text}`);
    });
    for await (const text of child.stdout) {
      greeting += text;
      if (!greeting.endsWith('kept.\n')) continue;
      const url = /^Plan42 server: (\S+)$/m.exec(greeting)?.[1] ?? '';
      if (greeting.includes('#sign-in')) throw new Error(`a sign-in link where there is no terminal: ${greeting}`);
      const server = new ServerProcess(child, dataDir, url);
      server.log = stderr;
      child.stderr.on('data', (more: string) => {
        server.log += more;
      });
      return server;
    }
    throw new Error(`the server ended: ${greeting}`);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Kills the server with SIGKILL. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

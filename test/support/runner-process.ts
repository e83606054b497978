import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RuntimeName } from '../../src/config/schema.ts';
import { isLogWritten, isShim, killCommand, readState } from '../../src/shim/shim.ts';
import { eventually } from './eventually.ts';
import { readLog } from './job-log.ts';

export interface RunnerOptions {
  url: string;
  token: string;
  runtime: RuntimeName;
  /** More lines of the configuration file. */
  config?: string;
  args?: string[];
  /** Added to this process's own. */
  env?: NodeJS.ProcessEnv;
  /** Folder of the executables. By default, `make build` has written it. */
  bin?: string;
  /** State that an earlier runner left. */
  folder?: string;
}

// So that a drain does not take its half a minute.
const quickQueues = '[queues]\ndrain_time = "300ms"\n';

/** The real executable, as `make build` leaves it, in a folder of its own. */
export class RunnerProcess implements AsyncDisposable {
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  readonly #watchers = new Set<() => void>();
  #log = '';

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#child = child;
    this.#exit = once(child, 'exit');
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
      for (const watcher of this.#watchers) watcher();
    });
  }

  static async start(options: RunnerOptions): Promise<RunnerProcess> {
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'plan42-runner-')));
    const configFile = join(folder, 'plan42-runner.toml');
    const runner = `[runner]\nurl = "${options.url}"\ntoken = "${options.token}"\nruntime = "${options.runtime}"\n`;
    const config = options.config ?? '';
    await writeFile(configFile, runner + config + (config.includes('[queues]') ? '' : quickQueues), { mode: 0o600 });
    const executable = join(options.bin ?? join(import.meta.dirname, '../../bin'), 'plan42-runner');
    const args = [
      '-c',
      configFile,
      '--state-dir',
      join(folder, 'state'),
      '--log-level',
      'debug',
      ...(options.args ?? []),
    ];
    const child = spawn(executable, args, {
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return new RunnerProcess(folder, child);
  }

  /** Everything it has logged so far. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves with the match as soon as the log has it. */
  async logged(pattern: RegExp, timeoutMs = 15_000): Promise<RegExpExecArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const check = () => {
      const match = pattern.exec(this.#log);
      if (match) resolve(match);
    };
    const fail = (why: string) => reject(new Error(`${why} before it logged ${pattern}:\n${this.#log}`));
    const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs);
    void this.#exit.then(() => fail('it ended'));
    this.#watchers.add(check);
    check();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(check);
    }
  }

  async ready(): Promise<void> {
    await this.logged(/runner ready/);
  }

  jobLog(jobId: string): Promise<string> {
    return readLog(join(this.folder, 'state/logs', `${jobId}.log`));
  }

  /** Waits for its end; the exit code, or the signal that ended it. */
  async ended(): Promise<number | NodeJS.Signals> {
    await this.#exit;
    return this.#child.exitCode ?? this.#child.signalCode ?? -1;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    this.#child.kill(signal);
    return this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.stop('SIGKILL');
    await this.#killJobs();
    await rm(this.folder, { recursive: true, force: true });
  }
  // Jobs outlive their runner, also that of a failed test.
  async #killJobs(): Promise<void> {
    const active = join(this.folder, 'state/jobs/active');
    const jobIds = await readdir(active).catch(() => []);
    await Promise.all(jobIds.map((jobId) => endJob(join(active, jobId)).catch(() => {})));
  }
}

/** Resolves when the shim no longer writes into the folder, which can then be removed. */
async function endJob(folder: string): Promise<void> {
  const state = await readState(folder);
  await killCommand(folder);
  if (state.phase !== 'running') return;
  await eventually(async () => !(await isShim(state.pid, folder)) && !(await isLogWritten(folder)));
}

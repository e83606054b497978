import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import type { TestContext } from 'node:test';
import { runCommand } from '../../../src/lib/run-command.ts';
import { type Env, run } from '../engines/processes.ts';
import { requires } from '../engines-client.ts';
import { eventually } from '../eventually.ts';
import { requiresCommands } from '../requires-command.ts';
import { systemdRootArchive } from './root-archive.ts';

/** The output and exit code of a command in the machine. */
export interface Ran {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

interface RunOptions {
  /** By default root. */
  as?: string;
  env?: Readonly<Record<string, string>>;
}

/**
 * A machine that systemd runs: a container of its own, without network, with this checkout mounted read-only. Needs no
 * privileges beyond an ordinary container's.
 */
export class SystemdMachine implements AsyncDisposable {
  readonly #env: Env;
  readonly #name: string;

  private constructor(env: Env, name: string) {
    this.#env = env;
    this.#name = name;
  }

  /** Boots a machine with the checkout at each of the mount points; undefined, and the test skipped, where that can't be done. */
  static async boot(t: TestContext, mountPoints: readonly string[]): Promise<SystemdMachine | undefined> {
    const engines = await requires(t, 'podman');
    if (!engines || !(await requiresCommands(t, 'mmdebstrap', 'apt-get'))) return undefined;
    const { env } = engines.podman;
    const archive = await systemdRootArchive(t.signal);
    const name = `plan42-systemd-${randomUUID().slice(0, 8)}`;
    const image = `localhost/${name}`;
    await run('podman', ['import', archive, image], { env });
    const machine = new SystemdMachine(env, name);
    try {
      const checkout = new URL('../../..', import.meta.url).pathname;
      const volumes = mountPoints.map((path) => `--volume=${checkout}:${path}:ro`);
      const isolation = ['--network=none', '--systemd=always', '--hostname=machine'];
      await run(
        'podman',
        ['run', '--detach', '--name', name, ...isolation, ...volumes, image, '/lib/systemd/systemd'],
        {
          env,
        },
      );
      await machine.#booted();
      return machine;
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  run(command: readonly string[], { as = 'root', env = {} }: RunOptions = {}): Promise<Ran> {
    const variables = Object.entries({ HOME: as === 'root' ? '/root' : `/home/${as}`, USER: as, ...env });
    const options = ['--user', as, ...variables.map(([name, value]) => `--env=${name}=${value}`)];
    return runCommand('podman', ['exec', ...options, this.#name, ...command], {
      env: { ...process.env, ...this.#env },
    });
  }

  /** Runs a command that has to succeed; its standard output. */
  async must(command: readonly string[], options?: RunOptions): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(command, options);
    if (exitCode !== 0) throw new Error(`${command.join(' ')}: exit code ${exitCode}: ${stdout}${stderr}`);
    return stdout;
  }

  async writeFile(path: string, content: string, options?: RunOptions): Promise<void> {
    await this.must(
      ['sh', '-c', 'umask 077; mkdir -p "$1"; printf %s "$3" >"$2"', 'sh', dirname(path), path, content],
      options,
    );
  }

  async reboot(): Promise<void> {
    await this.run(['systemctl', 'reboot']);
    await run('podman', ['wait', this.#name], { env: this.#env });
    await run('podman', ['start', this.#name], { env: this.#env });
    await this.#booted();
  }

  async #booted(): Promise<void> {
    await eventually(
      async () => /^(running|degraded)/.test((await this.run(['systemctl', 'is-system-running'])).stdout),
      60_000,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('podman', ['rm', '--force', '--time', '0', '--ignore', this.#name], { env: this.#env });
    await run('podman', ['rmi', '--force', `localhost/${this.#name}`], { env: this.#env });
  }
}

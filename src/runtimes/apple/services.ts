/** The command `container` and the services behind it, which are started once after login and hold every container. */
import { errorCode, formatError } from '../../lib/errors.ts';
import type { CommandResult } from '../../lib/run-command.ts';
import { lastErrorLine, queryTimeoutMs } from '../engine/client.ts';
import type { Readiness } from '../runtime.ts';
import { whyUnsuitable } from './mac.ts';

export type RunContainer = (
  args: readonly string[],
  options?: { signal?: AbortSignal | undefined; timeoutMs?: number },
) => Promise<CommandResult>;

// The first start downloads a kernel and the file system that virtual machines boot from.
const startMs = 10 * 60_000;
const minMajorVersion = 1;
const remedies = {
  platform: 'Set runner.runtime to docker or podman.',
  install: 'Install it from https://github.com/apple/container/releases, or set runner.runtime to another runtime.',
  update: 'Install a newer one from https://github.com/apple/container/releases.',
  start: 'Run "container system start", and look into "container system logs".',
};

/** Whether jobs can be started, if need be after the services have been, which {@link startServices} does. */
export async function checkServices(
  run: RunContainer,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<Readiness & { running?: boolean }> {
  const unsuitable = await whyUnsuitable(env, signal);
  if (unsuitable !== undefined) {
    const reason = `Apple’s container needs macOS 26 or later on Apple silicon, and ${unsuitable}`;
    return { ready: false, reason, remedy: remedies.platform };
  }
  try {
    const [{ stdout }, status] = await Promise.all([
      run(['--version'], { signal, timeoutMs: queryTimeoutMs }),
      run(['system', 'status'], { signal, timeoutMs: queryTimeoutMs }),
    ]);
    const version = /\d+\.\d+[\w.-]*/.exec(stdout)?.[0] ?? 'of an unknown version';
    if (Number.parseInt(version, 10) < minMajorVersion) {
      return { ready: false, reason: `container ${version} is older than 1.0`, remedy: remedies.update };
    }
    const running = status.exitCode === 0;
    const detail = `apple: container ${version}${running ? '' : ', its services are started when they are needed'}`;
    return { ready: true, detail, running };
  } catch (error) {
    signal?.throwIfAborted();
    const missing = errorCode(error) === 'ENOENT';
    const reason = missing ? 'there is no container command' : formatError(error);
    return { ready: false, reason, remedy: missing ? remedies.install : remedies.start };
  }
}

/** Starts the services, which changes nothing when they run. It asks nothing: the kernel is installed if there is none. */
export async function startServices(run: RunContainer, signal?: AbortSignal): Promise<Readiness> {
  const started = await run(['system', 'start', '--enable-kernel-install'], { signal, timeoutMs: startMs });
  if (started.exitCode === 0) return { ready: true, detail: 'apple: its services have been started' };
  return {
    ready: false,
    reason: `its services could not be started: ${lastErrorLine(started)}`,
    remedy: remedies.start,
  };
}

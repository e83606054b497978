/** The command `container` and the services behind it, which are started once after login and hold every container. */
import * as v from 'valibot';
import { errorCode, formatError } from '../../lib/errors.ts';
import { parseJson } from '../../lib/json.ts';
import { lastErrorLine, queryTimeoutMs, type RunEngine } from '../engine/client.ts';
import { type Readiness, RuntimeError } from '../runtime.ts';
import { whyUnsuitable } from './mac.ts';

const Containers = v.array(
  v.object({
    id: v.string(),
    configuration: v.object({ labels: v.optional(v.record(v.string(), v.string()), {}) }),
    status: v.object({ state: v.string() }),
  }),
);

// The first start downloads a kernel and the file system that virtual machines boot from.
const startMs = 10 * 60_000;
const minMajorVersion = 1;
const remedies = {
  platform: 'Set runner.runtime to docker or podman.',
  install: 'Install it from https://github.com/apple/container/releases, or set runner.runtime to another runtime.',
  update: 'Install a newer one from https://github.com/apple/container/releases.',
  start: 'Run "container system start", and look into "container system logs".',
};

/** Whether jobs can be started. If the services are not running, {@link startServices} must start them first. */
export async function checkServices(
  run: RunEngine,
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
    const version = /(?<!\d)\d{1,9}\.\d[\w.-]*/.exec(stdout)?.[0] ?? 'of an unknown version';
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

/** Starts the services unless they are running. Installs the kernel without a question if it is missing. */
export async function startServices(run: RunEngine, signal?: AbortSignal): Promise<Readiness> {
  const started = await run(['system', 'start', '--enable-kernel-install'], { signal, timeoutMs: startMs });
  if (started.exitCode === 0) return { ready: true, detail: 'apple: its services have been started' };
  return {
    ready: false,
    reason: `its services could not be started: ${lastErrorLine(started)}`,
    remedy: remedies.start,
  };
}

export interface AppleContainer {
  id: string;
  labels: Record<string, string>;
  running: boolean;
}

/**
 * All containers, including those that have exited. `container inspect` cannot replace it: depending on the version it
 * succeeds for a container that doesn't exist.
 * @throws RuntimeError if the services do not respond
 */
export async function listContainers(run: RunEngine, signal?: AbortSignal): Promise<AppleContainer[]> {
  const result = await run(['list', '--all', '--format', 'json'], { signal, timeoutMs: queryTimeoutMs });
  if (result.exitCode !== 0) throw new RuntimeError(`cannot list containers: ${lastErrorLine(result)}`);
  return v.parse(Containers, parseJson(result.stdout)).map(({ id, configuration, status }) => ({
    id,
    labels: configuration.labels,
    // A container that is being stopped is still running.
    running: status.state !== 'stopped' && status.state !== 'unknown',
  }));
}

/**
 * Podman has no daemon: a process per container, conmon, takes its output and records its exit. If conmon is killed, for
 * instance because memory ran out, Podman keeps reporting the container as running.
 */
import { commandLine } from '../../lib/processes.ts';
import { queryTimeoutMs, type RunEngine } from './client.ts';

export interface Monitor {
  /** The name of the container. */
  name: string;
  /** Zero if the container has none, or none yet. */
  pid: number;
}

/** False if this cannot be seen, because Podman runs in a virtual machine or remotely. */
export async function isMonitorGone(
  run: RunEngine,
  monitor: Monitor,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  // Elsewhere Podman runs in a virtual machine.
  if (process.platform !== 'linux' || monitor.pid === 0 || (await isMonitorAlive(monitor))) return false;
  const { stdout } = await run(['info', '--format', '{{.Host.ServiceIsRemote}}'], {
    signal,
    timeoutMs: queryTimeoutMs,
  });
  return stdout.trim() === 'false';
}

/** By its command line too, since process IDs are used again. */
export async function isMonitorAlive({ name, pid }: Monitor): Promise<boolean> {
  return (await commandLine(pid)).includes(` -n ${name} `);
}

/**
 * Podman has no daemon: each container has a process of its own that takes what it writes and records its end (conmon). Should
 * that be killed, for want of memory say, Podman goes on saying that the container runs.
 */
import { commandLine } from '../../lib/processes.ts';
import { queryTimeoutMs } from './client.ts';
import type { RunEngine } from './run-engine.ts';

export interface Monitor {
  /** The container's. */
  name: string;
  /** Zero where containers have none, or none yet. */
  pid: number;
}

/** False where this can't be seen: in a virtual machine, or on another one. */
export async function isMonitorGone(
  run: RunEngine,
  monitor: Monitor,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  // Elsewhere Podman runs in a virtual machine.
  if (process.platform !== 'linux' || monitor.pid === 0 || (await isMonitorThere(monitor))) return false;
  const { stdout } = await run(['info', '--format', '{{.Host.ServiceIsRemote}}'], {
    signal,
    timeoutMs: queryTimeoutMs,
  });
  return stdout.trim() === 'false';
}

/** By its command line too, since process IDs are used again. */
export async function isMonitorThere({ name, pid }: Monitor): Promise<boolean> {
  return (await commandLine(pid)).includes(` -n ${name} `);
}

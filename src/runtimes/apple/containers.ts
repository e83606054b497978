import * as v from 'valibot';
import { lastErrorLine, queryTimeoutMs } from '../engine/client.ts';
import { RuntimeError } from '../runtime.ts';
import type { RunContainer } from './services.ts';

const Containers = v.array(
  v.object({
    id: v.string(),
    configuration: v.object({ labels: v.optional(v.record(v.string(), v.string()), {}) }),
    status: v.object({ state: v.string() }),
  }),
);

export interface Container {
  id: string;
  labels: Record<string, string>;
  running: boolean;
}

/**
 * All containers, those that have ended included. `container inspect` is no use for one of them: depending on the version
 * it answers with success for a container that doesn't exist.
 * @throws RuntimeError when the services don't answer
 */
export async function listContainers(run: RunContainer, signal?: AbortSignal): Promise<Container[]> {
  const result = await run(['list', '--all', '--format', 'json'], { signal, timeoutMs: queryTimeoutMs });
  if (result.exitCode !== 0) throw new RuntimeError(`cannot list containers: ${lastErrorLine(result)}`);
  return v.parse(Containers, JSON.parse(result.stdout)).map(({ id, configuration, status }) => ({
    id,
    labels: configuration.labels,
    // While it is being stopped it still runs.
    running: status.state !== 'stopped' && status.state !== 'unknown',
  }));
}

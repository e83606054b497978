import type { JobRecord } from '../../jobs/record.ts';
import type { JobStore } from '../../jobs/store.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import type { CliContext } from '../context.ts';
import { loadPlacedConfig, type Places } from './places.ts';

/** Gives the runtime that a job was started with, whatever the configuration now says about new ones. */
export function createRuntimeOf(
  context: CliContext,
  places: Places,
  store: JobStore,
): (record: JobRecord) => Promise<Runtime> {
  const knownJobs = async () => (await store.listActive()).map((jobId) => store.paths(jobId));
  return async ({ runtime, instanceId }) => {
    const { config } = await loadPlacedConfig(context, places);
    const { createRuntime } = await import('../../runtimes/select.ts');
    return createRuntime(runtime, { config, env: context.env, instanceId, knownJobs });
  };
}

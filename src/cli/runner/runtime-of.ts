import type { JobRecord } from '../../jobs/record.ts';
import type { JobStore } from '../../jobs/store.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import { createRuntime } from '../../runtimes/select.ts';
import type { CliContext } from '../context.ts';
import { loadRunnerConfig, type RunnerPaths } from './runner-paths.ts';

/** Creates the runtime that a job was started with, which may differ from the configured one. */
export function createRuntimeOf(
  context: CliContext,
  paths: RunnerPaths,
  store: JobStore,
): (record: JobRecord) => Promise<Runtime> {
  const knownJobs = async () => (await store.listActive()).map((jobId) => store.paths(jobId));
  return async ({ runtime, instanceId }) => {
    const { config } = await loadRunnerConfig(context, paths);
    return createRuntime(runtime, { config, env: context.env, instanceId, knownJobs });
  };
}

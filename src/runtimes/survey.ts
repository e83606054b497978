import { type Config, type RuntimeName, runtimeNames } from '../config/schema.ts';
import { formatError, UserError } from '../lib/errors.ts';
import { createRuntime } from './select.ts';
import type { RuntimeStatus } from './status.ts';

export interface SurveyOptions {
  config: Config;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

/** Checks which runtimes are installed on this machine and whether they can run jobs: one promise each. */
export function surveyRuntimes(options: SurveyOptions): Promise<RuntimeStatus>[] {
  return runtimeNames.map((name) => surveyRuntime(name, options));
}

/** Rejects only with the signal's reason. */
export async function surveyRuntime(name: RuntimeName, { config, env, signal }: SurveyOptions): Promise<RuntimeStatus> {
  try {
    const runtime = createRuntime(name, { config, env, instanceId: '', knownJobs: async () => [] });
    const [installed, readiness] = await Promise.all([runtime.isInstalled(), runtime.checkReady(signal)]);
    return { name, installed, readiness };
  } catch (error) {
    signal?.throwIfAborted();
    const remedy = (error instanceof UserError && error.remedy) || 'Choose another runtime.';
    return { name, installed: false, readiness: { ready: false, reason: formatError(error), remedy } };
  }
}

import type { LoadedConfig } from '../../../config/load.ts';
import type { Paths } from '../../../config/paths.ts';
import type { Config } from '../../../config/schema.ts';
import type { ServiceHost } from '../../../service/service-manager.ts';
import type { ApiProbe } from './api-probe.ts';
import { type Finding, skipped } from './finding.ts';

/** How long a server has to answer: well before the time for all checks is over, so that it is told which one did not. */
export const answerMs = 6000;

/** One thing that the doctor looks at. */
export interface Check {
  /** Stable, for programs. */
  name: string;
  /** For people. */
  title: string;
  /** What is thrown counts as failed. */
  run(context: CheckContext): Promise<Finding>;
}

/** What checks get; what several need is looked up once. */
export interface CheckContext {
  paths: Paths;
  env: NodeJS.ProcessEnv;
  /** What service managers are asked with. */
  host: ServiceHost;
  version: string;
  now: () => Date;
  /** Rejects with a UserError when the configuration can't be used. */
  loadConfig: () => Promise<LoadedConfig>;
  /** One call to the server with the runner's token. */
  probeApi: () => Promise<ApiProbe>;
  /** Aborted when the time for checks is over. */
  signal: AbortSignal;
}

/** Runs `check` with the configuration, or skips it where there is none that can be used. */
export async function withConfig(
  context: CheckContext,
  check: (config: Config) => Promise<Finding> | Finding,
): Promise<Finding> {
  const loaded = await context.loadConfig().catch(() => undefined);
  return loaded === undefined ? skipped('the configuration cannot be used') : check(loaded.config);
}

import type { Config } from '../config/schema.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failed, passed, skipped, warning } from './finding.ts';
import { tryContainers } from './try-containers.ts';

/** A job ends at a limit, and this runtime can hold those of the configuration. */
export function checkLimits(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(context, async (config) => {
    const tried = await context.once(tryContainers);
    if (!('result' in tried)) return [skipped('limits', 'skipped' in tried ? tried.skipped : 'no container started')];
    const { runtime, result } = tried;
    const unmeasured = await findUnmeasured(config, runtime);
    if (result.others === undefined) return [...unmeasured, skipped('limits', 'no container started')];
    const { limit } = result.others;
    if (limit.works)
      return [...unmeasured, passed('limits', `a container of ${runtime.name} was ended: ${limit.detail}`)];
    const problem = isLimited(config) ? failed : warning;
    const text = limit.remedy ?? 'Run "plan42 runner doctor" again. Jobs with limits may not end at them.';
    return [...unmeasured, problem('limits', `jobs do not end at their limits: ${limit.reason}`, { text })];
  });
}

const isLimited = ({ limits }: Config) =>
  [limits.maxDurationMs, limits.idleTimeoutMs, limits.diskGib].some((limit) => limit !== undefined);

async function findUnmeasured({ limits }: Config, runtime: Runtime): Promise<Finding[]> {
  const needed = [
    ['limits.idle_timeout', limits.idleTimeoutMs, 'activity'],
    ['limits.disk_gib', limits.diskGib, 'disk'],
  ] as const;
  const found = needed.map(async ([setting, value, what]) => {
    const why = value === undefined ? undefined : await runtime.whyUnmeasured(what);
    return why === undefined
      ? []
      : [failed(setting, `no job can run: it cannot be held, because ${why}`, { text: `Remove ${setting}.` })];
  });
  return (await Promise.all(found)).flat();
}

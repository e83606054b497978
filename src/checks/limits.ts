import type { Config } from '../config/schema.ts';
import { isWallForAll } from '../jobs/egress/server-only.ts';
import type { TrialResult } from '../runtimes/check/pod-check.ts';
import type { OtherResults } from '../runtimes/check/run-check.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failed, passed, skipped, warning } from './finding.ts';
import { tryContainers } from './try-containers.ts';

/** A job ends at a limit, and this runtime can hold those of the configuration. */
export function checkLimits(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(context, async (config) => {
    const uncounted = findUncounted(config);
    const tried = await context.once(tryContainers);
    if ('pods' in tried) {
      const { runtime, pods } = tried;
      const ended =
        pods.limit === undefined ? skipped('limits', 'no pod started') : judgeEnd(pods.limit, runtime, config);
      return [...uncounted, ...(await findUnheld(config, runtime, uncounted)), ended];
    }
    if (!('result' in tried)) {
      const skip = skipped('limits', 'skipped' in tried ? tried.skipped : 'no container started');
      return uncounted.length > 0 ? uncounted : [skip];
    }
    const { runtime, result } = tried;
    const impossible = [...uncounted, ...(await findUnheld(config, runtime, uncounted))];
    if (result.others === undefined) return [...impossible, skipped('limits', 'no container started')];
    return [
      ...impossible,
      judgeEnd(result.others.limit, runtime, config),
      ...judgeUsages(result.others, runtime.name, config),
    ];
  });
}

function judgeEnd(limit: TrialResult, { name }: Runtime, config: Config): Finding {
  const what = name === 'kubernetes' ? 'a pod' : `a container of ${name}`;
  if (limit.works) return passed('limits', `${what} was ended: ${limit.detail}`);
  const problem = isLimited(config) ? failed : warning;
  const text = limit.remedy ?? 'Run "plan42 runner doctor" again. Jobs with limits may not end at them.';
  return problem('limits', `jobs do not end at their limits: ${limit.reason}`, { text });
}

/** Without a wall, the check of the container has the reason. */
function judgeUsages({ wall, usages }: OtherResults, engine: string, { limits }: Config): Finding[] {
  if (!wall.stands) return [];
  return usages.map(({ limit, result }) => {
    const subject = `limits.${limit}`;
    if (result.works)
      return passed(subject, `a call of a model in a container of ${engine} was refused: ${result.detail}`);
    const isConfigured = (limit === 'max_tokens' ? limits.maxTokens : limits.maxCost) !== undefined;
    const text =
      result.remedy ?? 'Run "plan42 runner doctor" again. Jobs may use more than their limits of tokens and money.';
    return (isConfigured ? failed : warning)(subject, `calls of models are not limited: ${result.reason}`, { text });
  });
}

/** Calls of models are counted in the gateway of a job, and not every job has one. */
function findUncounted({ limits, prices, credentials, egress }: Config): Finding[] {
  const set = [
    ['limits.max_tokens', limits.maxTokens],
    ['limits.max_cost', limits.maxCost],
  ] as const;
  return set.flatMap(([setting, value]) => {
    if (value === undefined) return [];
    const refuse = (why: string, text: string) => [failed(setting, `no job can run: ${why}`, { text })];
    if (credentials.broker === 'off')
      return refuse(
        'credentials.broker is "off", so that calls of models are not read',
        `Set it to "auto", or remove ${setting}.`,
      );
    if (egress.mode === 'off')
      return refuse('egress.mode is "off", so that no gateway counts', `Set it to "auto", or remove ${setting}.`);
    if (setting === 'limits.max_cost' && Object.keys(prices).length === 0)
      return refuse(
        'no model has a price',
        'Set the price of each model in [limits.prices."MODEL"], or remove limits.max_cost.',
      );
    if (isWallForAll(egress)) return [];
    const text = 'Set egress.otherwise = "deny", or name hosts in AllowedHosts of each environment.';
    return [
      warning(setting, 'jobs of environments without AllowedHosts are refused: no gateway counts their calls', {
        text,
      }),
    ];
  });
}

/** Limits that this runtime cannot hold. */
async function findUnheld(
  config: Config,
  runtime: Runtime,
  uncounted: readonly Finding[],
): Promise<readonly Finding[]> {
  const unmeasured = await findUnmeasured(config, runtime);
  const { maxTokens, maxCost } = config.limits;
  if ((maxTokens ?? maxCost) === undefined || uncounted.some(({ status }) => status === 'failed')) return unmeasured;
  const noWall = await runtime.whyNoWall();
  if (noWall === undefined) return unmeasured;
  const setting = maxTokens === undefined ? 'limits.max_cost' : 'limits.max_tokens';
  const text = `${noWall.remedy ?? 'Use another runtime.'} Or remove ${setting}.`;
  return [...unmeasured, failed(setting, `no job can run: no gateway counts: ${noWall.message}`, { text })];
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

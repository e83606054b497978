import { readJobUsage } from '../gateway/models/ledger.ts';
import { sumUsage, tokensOf } from '../gateway/models/usage.ts';
import { uptimeMs } from '../lib/clock.ts';
import type { JobPaths } from '../shim/shim.ts';
import { limitsFolder, readReached, readState } from './files.ts';
import { describeAmount, type JobLimits, type LimitName, limitNames } from './limits.ts';

/** A limit of a job, and how much of it is used; undefined if unknown. */
export interface LimitState {
  limit: LimitName;
  allowed: number;
  used: number | undefined;
}

/** Empty for a job without limits. What a job that is over has used is known of its models and of the limit that ended it. */
export async function readLimitStates(
  job: Pick<JobPaths, 'folder'>,
  limits: JobLimits | undefined,
  isRunning: boolean,
): Promise<LimitState[]> {
  if (limits === undefined) return [];
  const reached = await readReached(job);
  const state = isRunning ? await readState(limitsFolder(job)).catch(() => undefined) : undefined;
  const now = uptimeMs();
  const used: Partial<Record<LimitName, number | undefined>> = {
    max_duration: state && now - state.held.startedAtMs,
    idle_timeout: state && now - state.held.activeAtMs,
    disk_gib: state?.diskBytes,
    ...(await readModelUses(job)),
  };
  return toLimitStates(limits).map(({ limit, allowed }) => {
    return { limit, allowed, used: reached?.limit === limit ? reached.used : used[limit] };
  });
}

/** Also of a job that is over, until its record is archived. */
async function readModelUses({ folder }: Pick<JobPaths, 'folder'>): Promise<Record<'max_tokens' | 'max_cost', number>> {
  const used = sumUsage(await readJobUsage(folder).catch(() => []));
  return { max_tokens: tokensOf(used), max_cost: used.cost ?? 0 };
}

/** Without what is used. */
export function toLimitStates(limits: JobLimits = {}): LimitState[] {
  return limitNames.flatMap((limit) => {
    const allowed = limits[limit];
    return allowed === undefined ? [] : [{ limit, allowed, used: undefined }];
  });
}

/** As in `max_duration 12 min 0 s of 1 h 0 min`. */
export function describeLimitStates(states: readonly LimitState[]): string {
  return states
    .map(({ limit, allowed, used }) => {
      const amount = describeAmount(limit, allowed);
      return `${limit} ${used === undefined ? amount : `${describeAmount(limit, used)} of ${amount}`}`;
    })
    .join(', ');
}

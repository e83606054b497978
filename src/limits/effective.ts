/** The limits of a job: those of the runner, lowered by its environment. */
import * as v from 'valibot';
import { InvalidValue } from '../config/kinds.ts';
import { type Config, environmentVariable, tables } from '../config/schema.ts';
import { UserError } from '../lib/errors.ts';
import { EnvVar } from '../plan42/objects.ts';
import type { JobLimits } from './limits.ts';

export interface EffectiveLimits {
  limits: JobLimits;
  maxLogMib: number;
  /** Variables of the environment that have no effect, a clause each. */
  notes: readonly string[];
}

const lowerable = ['maxDurationMs', 'idleTimeoutMs', 'diskGib', 'maxLogMib', 'maxTokens', 'maxCost'] as const;

/**
 * @param variables `EnvVars` of the environment, unchecked
 * @throws UserError if a variable that lowers a limit cannot be understood
 */
export function effectiveLimits(
  { limits, jobs }: Pick<Config, 'limits' | 'jobs'>,
  variables: unknown,
): EffectiveLimits {
  const own = { ...limits, maxLogMib: Math.min(limits.maxLogMib ?? Infinity, jobs.maxLogMib) };
  const notes: string[] = [];
  const lowered: Partial<Record<(typeof lowerable)[number], number>> = {};
  for (const name of lowerable) {
    const requested = requestedLimit(name, variables);
    const ofRunner = own[name];
    if (requested !== undefined && ofRunner !== undefined && requested > ofRunner)
      notes.push(`${variableOf(name)} is above the limit of the runner`);
    const value = Math.min(requested ?? Infinity, ofRunner ?? Infinity);
    if (value !== Infinity) lowered[name] = value;
  }
  const { maxDurationMs, idleTimeoutMs, diskGib, maxTokens, maxCost, maxLogMib = own.maxLogMib } = lowered;
  return {
    limits: {
      ...(maxDurationMs !== undefined && { max_duration: maxDurationMs }),
      ...(idleTimeoutMs !== undefined && { idle_timeout: idleTimeoutMs }),
      ...(diskGib !== undefined && { disk_gib: Math.round(diskGib * 2 ** 30) }),
      ...(maxTokens !== undefined && { max_tokens: maxTokens }),
      ...(maxCost !== undefined && { max_cost: maxCost }),
    },
    maxLogMib,
    notes,
  };
}

function variableOf(name: (typeof lowerable)[number]): string {
  return environmentVariable('limits', tables.limits[name].key);
}

/** The last one counts, as in an environment of a process. */
function requestedLimit(name: (typeof lowerable)[number], variables: unknown): number | undefined {
  const variable = variableOf(name);
  const entries: readonly unknown[] = Array.isArray(variables) ? variables : [];
  const known = entries.flatMap((entry) => {
    const parsed = v.safeParse(EnvVar, entry);
    return parsed.success && parsed.output.Name === variable ? [parsed.output.Value.trim()] : [];
  });
  const text = known.at(-1);
  if (text === undefined || text === '') return undefined;
  try {
    return tables.limits[name].kind.fromText(text);
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    throw new UserError(`cannot limit the job: ${variable} of its environment is ${error.message}`, {
      remedy: `Correct ${variable} in the environment, or remove it.`,
    });
  }
}

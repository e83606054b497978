/** Sums of the calls of models. The agent's own reports count only if the runner did not count. */
import type { UsageSummary } from '../../plan42/provider-usage.ts';
import type { Database } from './database.ts';
import type { TurnKey } from './turns.ts';

const sums = `COUNT(*) AS Calls, COALESCE(SUM(IsEstimate), 0) AS EstimatedCalls, SUM(PromptTokens) AS PromptTokens,
  SUM(CompletionTokens) AS CompletionTokens, SUM(CachedReadInputTokens) AS CachedReadInputTokens,
  SUM((SELECT COALESCE(SUM(value), 0) FROM json_each(CacheCreationInputTokensByTTL))) AS CacheCreationInputTokens,
  SUM(ReasoningTokens) AS ReasoningTokens, SUM(Cost) AS Cost`;

const counted = `(Source = 'Runner' OR NOT EXISTS (SELECT 1 FROM provider_usage AS other WHERE other.TenantId = usage.TenantId
  AND other.TaskId = usage.TaskId AND other.TurnIndex = usage.TurnIndex AND other.Source = 'Runner'))`;

/** The groups of a summary, as SQL. Times are those at which responses were complete, in UTC. */
const groups = {
  hour: `substr(ResponseCompletedAt, 1, 13) || ':00:00Z'`,
  day: 'substr(ResponseCompletedAt, 1, 10)',
  month: 'substr(ResponseCompletedAt, 1, 7)',
  provider: 'Provider',
  model: 'ProviderModelID',
  task: 'TaskId',
  workstream: `COALESCE(WorkstreamId, '')`,
} as const;
export type UsageGroup = keyof typeof groups;
export const usageGroups = Object.keys(groups) as UsageGroup[];

/** Undefined ones are ignored. */
export interface UsageFilter {
  TenantId: string;
  TaskId?: string | undefined;
  WorkstreamId?: string | undefined;
  Provider?: string | undefined;
  ProviderModelID?: string | undefined;
  /** `start <= ResponseCompletedAt < end` */
  start?: string | undefined;
  end?: string | undefined;
}

const maxGroups = 1000;

export class ProviderUsageSums {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Of each turn of a task that has any, by turn index. */
  ofTask({ TenantId, TaskId }: Pick<TurnKey, 'TenantId' | 'TaskId'>): Map<number, UsageSummary> {
    const sql = `SELECT TurnIndex, ${sums} FROM provider_usage AS usage
      WHERE TenantId = ? AND TaskId = ? AND ${counted} GROUP BY TurnIndex`;
    const rows = this.#database.statement(sql).all(TenantId, TaskId);
    return new Map(rows.map((row) => [Number(row['TurnIndex']), summaryOf(row)]));
  }

  /** One summary for each combination of the values of the groups, in their order. At most 1000. */
  list(filter: UsageFilter, by: readonly UsageGroup[]): { Group: Record<string, string>; Usage: UsageSummary }[] {
    const { start, end, ...equal } = filter;
    const named = Object.entries(equal).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    const where = named.map(([name]) => `${name} = ?`);
    const values = named.map(([, value]) => value);
    for (const [operator, value] of [
      ['>=', start],
      ['<', end],
    ] as const) {
      if (value === undefined) continue;
      where.push(`ResponseCompletedAt ${operator} ?`);
      values.push(value);
    }
    const columns = by.map((name) => `${groups[name]} AS "${name}"`);
    const names = by.map((name) => `"${name}"`).join(', ');
    const grouping = by.length === 0 ? 'HAVING COUNT(*) > 0' : `GROUP BY ${names} ORDER BY ${names} LIMIT ${maxGroups}`;
    const sql = `SELECT ${[...columns, sums].join(', ')} FROM provider_usage AS usage
      WHERE ${[...where, counted].join(' AND ')} ${grouping}`;
    return this.#database
      .statement(sql)
      .all(...values)
      .map((row) => ({
        Group: Object.fromEntries(by.map((name) => [name, String(row[name])])),
        Usage: summaryOf(row),
      }));
  }
}

function summaryOf(row: Record<string, unknown>): UsageSummary {
  const number = (name: string) => Number(row[name]);
  return {
    Calls: number('Calls'),
    EstimatedCalls: number('EstimatedCalls'),
    PromptTokens: number('PromptTokens'),
    CompletionTokens: number('CompletionTokens'),
    CachedReadInputTokens: number('CachedReadInputTokens'),
    CacheCreationInputTokens: number('CacheCreationInputTokens'),
    ReasoningTokens: number('ReasoningTokens'),
    ...(row['Cost'] !== null && { Cost: number('Cost') }),
  };
}

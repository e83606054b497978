/** The calls of models that a turn has made: tokens and cost. `WriteProviderUsage` writes one of them. */
import * as v from 'valibot';
import { formatCost } from '../lib/format-cost.ts';
import { integer, knownFields, type ObjectOf } from './fields.ts';

const count = v.pipe(integer, v.minValue(0), v.maxValue(1e12));
const name = v.pipe(v.string(), v.maxBytes(2048, 'is larger than 2048 bytes'));

/** The report on a call. */
const reportedFields = {
  Provider: name,
  ProviderModelID: name,
  ResponseID: v.optional(name),
  /** All that the model read, with what came from its cache or went into it. */
  PromptTokens: count,
  /** All that it wrote, with its reasoning. */
  CompletionTokens: count,
  CachedReadInputTokens: count,
  /** By the time to live, such as `5m`. */
  CacheCreationInputTokensByTTL: v.optional(v.record(name, count)),
  ReasoningTokens: count,
  RequestStartedAt: v.optional(v.string()),
  ResponseCompletedAt: v.string(),
  /** In the currency of the runner's prices. Only our runner reports it. */
  Cost: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1e12))),
  /** Whether the response did not say all of it. Only our runner reports it. */
  IsEstimate: v.optional(v.boolean()),
};
export type ReportedUsage = ObjectOf<typeof reportedFields>;

/** The event as it is stored. */
export const providerUsageFields = {
  TenantId: v.string(),
  TaskId: v.string(),
  TurnIndex: integer,
  WorkstreamId: v.optional(v.string()),
  /** `Runner`: counted by the gateway of the job. `Agent`, `Tenant`: as these say, which counts only without the first. */
  Source: v.string(),
  Iteration: integer,
  ...reportedFields,
  CreatedAt: v.string(),
};
export type ProviderUsageEvent = ObjectOf<typeof providerUsageFields>;

/** The fields of a report, whose times the server validates itself. */
export const reportedUsageFields = reportedFields;

/** The sum of several calls. */
export const UsageSummary = knownFields({
  Calls: count,
  EstimatedCalls: count,
  PromptTokens: count,
  CompletionTokens: count,
  CachedReadInputTokens: count,
  CacheCreationInputTokens: count,
  ReasoningTokens: count,
  /** Absent if no call had a price. */
  Cost: v.optional(v.number()),
});
export type UsageSummary = v.InferOutput<typeof UsageSummary>;

/** As in `12 calls, 3,400 tokens read (2,100 from the cache) and 800 written, cost 0.42`. */
export function describeUsage(summary: UsageSummary): string {
  const { Calls, EstimatedCalls, PromptTokens, CompletionTokens, CachedReadInputTokens, Cost } = summary;
  const number = (amount: number) => amount.toLocaleString('en-US');
  const cached = CachedReadInputTokens > 0 ? ` (${number(CachedReadInputTokens)} from the cache)` : '';
  const calls = `${number(Calls)} ${Calls === 1 ? 'call' : 'calls'}`;
  const estimated = EstimatedCalls > 0 ? `, ${number(EstimatedCalls)} estimated` : '';
  const cost = Cost === undefined ? '' : `, cost ${formatCost(Cost)}`;
  return `${calls}${estimated}, ${number(PromptTokens)} tokens read${cached} and ${number(CompletionTokens)} written${cost}`;
}

/** Undefined if there is nothing to add. */
export function addSummaries(summaries: readonly (UsageSummary | undefined)[]): UsageSummary | undefined {
  const found = summaries.filter((each) => each !== undefined);
  if (found.length === 0) return undefined;
  const sum = (key: Exclude<keyof UsageSummary & string, 'Cost'>) =>
    found.reduce((total, each) => total + Number(each[key]), 0);
  const costs = found.flatMap(({ Cost }) => Cost ?? []);
  return {
    Calls: sum('Calls'),
    EstimatedCalls: sum('EstimatedCalls'),
    PromptTokens: sum('PromptTokens'),
    CompletionTokens: sum('CompletionTokens'),
    CachedReadInputTokens: sum('CachedReadInputTokens'),
    CacheCreationInputTokens: sum('CacheCreationInputTokens'),
    ReasoningTokens: sum('ReasoningTokens'),
    ...(costs.length > 0 && { Cost: costs.reduce((total, each) => total + each, 0) }),
  };
}

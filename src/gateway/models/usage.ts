/** The tokens of a call of a model, and their cost. */
import * as v from 'valibot';

export interface Usage {
  /** As the response, or else the request, names it; empty if neither does. */
  model: string;
  /** Without those that came from a cache or went into one. */
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  /** With those of reasoning. */
  outputTokens: number;
  /** Those of the output that are not part of the text, if the response says so. */
  reasoningTokens: number;
  /** Whether any of it is estimated, because the response did not say, or was cut. */
  isEstimate: boolean;
  /** As the response names itself. */
  responseId?: string | undefined;
}

const amount = v.pipe(v.number(), v.minValue(0));

/** For a million tokens each. */
export const Price = v.object({
  input: amount,
  output: amount,
  /** By default, as input. */
  cachedInput: v.optional(amount),
  cacheWrite: v.optional(amount),
});
export type Price = v.InferOutput<typeof Price>;

/** The sum of all calls of a job. */
export const UsageTotals = v.object({
  calls: amount,
  estimatedCalls: amount,
  inputTokens: amount,
  cachedInputTokens: amount,
  cacheWriteTokens: amount,
  outputTokens: amount,
  /** Absent if no model had a price. */
  cost: v.optional(amount),
});
export type UsageTotals = v.InferOutput<typeof UsageTotals>;

export type PricedUsage = Usage & { cost?: number | undefined };

const counters = ['inputTokens', 'cachedInputTokens', 'cacheWriteTokens', 'outputTokens'] as const;

export function sumUsage(entries: readonly PricedUsage[]): UsageTotals {
  const none = { inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };
  const totals: UsageTotals = { calls: 0, estimatedCalls: 0, ...none };
  for (const entry of entries) addUsage(totals, entry);
  return totals;
}

export function addUsage(totals: UsageTotals, entry: PricedUsage): void {
  totals.calls += 1;
  totals.estimatedCalls += entry.isEstimate ? 1 : 0;
  for (const name of counters) totals[name] += entry[name];
  if (entry.cost !== undefined) totals.cost = (totals.cost ?? 0) + entry.cost;
}

export function tokensOf(usage: Readonly<Record<(typeof counters)[number], number>>): number {
  return counters.reduce((sum, name) => sum + usage[name], 0);
}

/** Without the inexact digits of sums. */
export function roundCost(cost: number): number {
  return Math.round(cost * 1e6) / 1e6;
}

export function costOf(usage: Usage, { input, output, cachedInput = input, cacheWrite = input }: Price): number {
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = usage;
  const perMillion =
    inputTokens * input + cachedInputTokens * cachedInput + cacheWriteTokens * cacheWrite + outputTokens * output;
  return perMillion / 1_000_000;
}

/** Finds the price of a model: that of its name, or of the longest beginning of it, because names end with dates. */
export function findPrice(prices: Readonly<Record<string, Price>>, model: string): Price | undefined {
  const names = Object.keys(prices).filter((name) => name !== '' && model.startsWith(name));
  const longest = names.toSorted((a, b) => b.length - a.length)[0];
  return longest === undefined ? undefined : prices[longest];
}

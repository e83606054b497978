/** The tokens of a call of a model, and their cost. */

export interface Usage {
  /** As the response, or else the request, names it; empty if neither does. */
  model: string;
  /** Without those that came from a cache or went into one. */
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  /** With those of reasoning. */
  outputTokens: number;
  /** Whether any of it is estimated, because the response did not say, or was cut. */
  isEstimate: boolean;
}

/** For a million tokens each. */
export interface Price {
  input: number;
  output: number;
  /** By default, as input. */
  cachedInput?: number | undefined;
  cacheWrite?: number | undefined;
}

export function totalTokens(usage: Usage): number {
  return usage.inputTokens + usage.cachedInputTokens + usage.cacheWriteTokens + usage.outputTokens;
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

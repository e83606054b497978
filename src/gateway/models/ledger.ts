/** The calls of models that a job has made: a file with a line for each, which survives the gateway. */
import { join } from 'node:path';
import * as v from 'valibot';
import { appendDurably } from '../../lib/files.ts';
import { tryParseJson } from '../../lib/json.ts';
import { readTextIfExists } from '../../lib/read-file.ts';
import { costOf, findPrice, type Price, totalTokens, type Usage } from './usage.ts';

/** In the folder of the gateway. */
export const usageFile = 'usage.jsonl';

const amount = v.pipe(v.number(), v.minValue(0));
const Entry = v.object({
  model: v.string(),
  inputTokens: amount,
  cachedInputTokens: amount,
  cacheWriteTokens: amount,
  outputTokens: amount,
  isEstimate: v.boolean(),
});

export interface Totals {
  tokens: number;
  cost: number;
}

export interface Ledger {
  readonly totals: Totals;
  /** Counts at once, and resolves when it is on disk. */
  add(usage: Usage): Promise<void>;
}

export async function openLedger(folder: string, prices: Readonly<Record<string, Price>>): Promise<Ledger> {
  const path = join(folder, usageFile);
  const totals: Totals = { tokens: 0, cost: 0 };
  const sum = (usage: Usage) => {
    const price = findPrice(prices, usage.model);
    totals.tokens += totalTokens(usage);
    totals.cost += price === undefined ? 0 : costOf(usage, price);
  };
  const before = (await readTextIfExists(path)) ?? '';
  for (const usage of parseUsage(before)) sum(usage);
  let writing = Promise.resolve();
  // A crash can leave half a line.
  let isBroken = before !== '' && !before.endsWith('\n');
  return {
    totals,
    add: (usage) => {
      sum(usage);
      writing = writing
        .catch(() => {})
        .then(async () => {
          await appendDurably(path, `${isBroken ? '\n' : ''}${JSON.stringify(usage)}\n`);
          isBroken = false;
        });
      return writing;
    },
  };
}

/** The calls in the content of the file, without half a line at its end. */
export function parseUsage(content: string): Usage[] {
  return content.split('\n').flatMap((line) => {
    const parsed = v.safeParse(Entry, tryParseJson(line));
    return parsed.success ? [parsed.output] : [];
  });
}

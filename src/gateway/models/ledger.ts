/** The calls of models that a job has made: a file with a line for each, which survives the gateway. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { errorCode } from '../../lib/errors.ts';
import { appendDurably, exists, move } from '../../lib/files.ts';
import { tryParseJson } from '../../lib/json.ts';
import { readTextIfExists } from '../../lib/read-file.ts';
import { gatewayFolder } from '../policy.ts';
import { addUsage, sumUsage, type UsageTotals } from './usage.ts';

/** In the folder of the gateway. */
export const usageFile = 'usage.jsonl';

const amount = v.pipe(v.number(), v.minValue(0));
const LedgerEntry = v.object({
  model: v.string(),
  inputTokens: amount,
  cachedInputTokens: amount,
  cacheWriteTokens: amount,
  outputTokens: amount,
  reasoningTokens: amount,
  isEstimate: v.boolean(),
  responseId: v.optional(v.string()),
  provider: v.string(),
  startedAt: v.string(),
  completedAt: v.string(),
  /** Absent if the model has no price. */
  cost: v.optional(amount),
});
export type LedgerEntry = v.InferOutput<typeof LedgerEntry>;

export interface Ledger {
  readonly totals: Readonly<UsageTotals>;
  /** Counts at once, and resolves when it is on disk. */
  add(entry: LedgerEntry): Promise<void>;
}

/** @param onCall called for each entry, those in the file included, with its number from 0 on */
export async function openLedger(
  folder: string,
  onCall?: (entry: LedgerEntry, index: number) => void,
): Promise<Ledger> {
  const path = join(folder, usageFile);
  const before = (await readTextIfExists(path)) ?? '';
  const known = parseUsage(before);
  for (const [index, entry] of known.entries()) onCall?.(entry, index);
  let calls = known.length;
  const totals = sumUsage(known);
  let writing = Promise.resolve();
  // A crash can leave half a line.
  let isBroken = before !== '' && !before.endsWith('\n');
  return {
    totals,
    add: (entry) => {
      addUsage(totals, entry);
      writing = writing
        .catch(() => {})
        .then(async () => {
          await appendDurably(path, `${isBroken ? '\n' : ''}${JSON.stringify(entry)}\n`);
          isBroken = false;
          onCall?.(entry, calls);
          calls += 1;
        });
      return writing;
    },
  };
}

/** The calls in the content of the file, without half a line at its end. */
export function parseUsage(content: string): LedgerEntry[] {
  return content.split('\n').flatMap((line) => {
    // An exception for each of many damaged lines would take seconds.
    if (!line.startsWith('{') || !line.endsWith('}')) return [];
    const parsed = v.safeParse(LedgerEntry, tryParseJson(line));
    return parsed.success ? [parsed.output] : [];
  });
}

/** The calls of a job, by its folder; those so far if it is running. Empty if it has made none. */
export async function readJobUsage(jobFolder: string): Promise<LedgerEntry[]> {
  const content = (await readTextIfExists(liveFile(jobFolder))) ?? (await readTextIfExists(keptFile(jobFolder)));
  return parseUsage(content ?? '');
}

/** The size of the file in bytes, to see whether there are more calls. */
export async function sizeOfUsage(jobFolder: string): Promise<number> {
  for (const path of [liveFile(jobFolder), keptFile(jobFolder)]) {
    const found = await stat(path).catch(missing);
    if (found !== undefined) return found.size;
  }
  return 0;
}

/** Saves the file from the end of the gateway's folder. */
export async function keepUsage(jobFolder: string): Promise<void> {
  const path = liveFile(jobFolder);
  if (await exists(path)) await move(path, keptFile(jobFolder));
}

const liveFile = (jobFolder: string) => join(jobFolder, gatewayFolder, usageFile);
const keptFile = (jobFolder: string) => join(jobFolder, 'model-usage.jsonl');

function missing(error: unknown): undefined {
  if (errorCode(error) === 'ENOENT') return undefined;
  throw error;
}

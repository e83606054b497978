/** The report of a job's gateway on connections: `egress.json`, replaced as a whole, so that a killed gateway leaves it readable. */
import * as v from 'valibot';
import { writeDurably } from '../lib/files.ts';
import { tryParseJson } from '../lib/json.ts';
import { readTextIfExists } from '../lib/read-file.ts';

const count = v.pipe(v.number(), v.minValue(0));

const ReportEntry = v.object({
  host: v.string(),
  port: v.number(),
  /** `observed`: allowed, although `enforce` would have refused it. */
  verdict: v.picklist(['allowed', 'refused', 'observed']),
  /** Of what was refused or observed: a stable name of the reason. Empty for others. */
  code: v.string(),
  /** The entry that allows it, or the reason of the refusal. */
  rule: v.string(),
  /** How to allow it; empty if it is allowed. */
  remedy: v.string(),
  count,
  sentBytes: count,
  receivedBytes: count,
  firstAt: v.string(),
  lastAt: v.string(),
});
export type ReportEntry = v.InferOutput<typeof ReportEntry>;

export const Report = v.object({
  version: v.literal(1),
  mode: v.picklist(['enforce', 'observe']),
  entries: v.array(ReportEntry),
  /** Connections to further hosts, when there are too many to list. */
  others: v.object({ allowed: count, refused: count }),
});
export type Report = v.InferOutput<typeof Report>;

/** Empty if the job had no wall. */
export function refusedHosts(report: Pick<Report, 'entries'> | undefined): ReportEntry[] {
  return report?.entries.filter(({ verdict }) => verdict === 'refused') ?? [];
}

/** Undefined if there is none, or it is unreadable. */
export async function readReport(file: string): Promise<Report | undefined> {
  const parsed = v.safeParse(Report, tryParseJson((await readTextIfExists(file)) ?? ''));
  return parsed.success ? parsed.output : undefined;
}

/** Rejects if the file cannot be written. */
export async function writeReport(file: string, report: Report): Promise<void> {
  await writeDurably(file, `${JSON.stringify(report)}\n`);
}

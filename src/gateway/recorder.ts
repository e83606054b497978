/** Counts connections by host, port and verdict, and saves the counts. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../lib/clock.ts';
import { formatError } from '../lib/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Permission, Refusal } from './decide.ts';
import { type EgressPolicy, reportFile } from './policy.ts';
import type { RefusedHost } from './refused.ts';
import { type Report, type ReportEntry, readReport, refusedHosts, writeReport } from './report.ts';

/** Of allowed and of other entries each. A job can ask for any number of names. */
const maxEntries = 1000;
const maxLines = 100;
const saveIntervalMs = 2000;
/** A ClientHello or a host header can be as long as a client likes. */
const maxTextLength = 300;

export interface Recorder extends AsyncDisposable {
  /** A connection or a request that was let through. The returned function adds bytes to it. */
  allow(target: Named, permission: Permission): (sent: number, received: number) => void;
  /** Takes back what was let through and then refused, because of the addresses of its name. */
  withdraw(target: Named, permission: Permission): void;
  refuse(target: Named, refusal: Refusal): void;
  /** The first hosts that were refused. */
  refused(): RefusedHost[];
}

interface Named {
  host: string;
  port: number;
}

type Found = Omit<ReportEntry, 'count' | 'sentBytes' | 'receivedBytes' | 'firstAt' | 'lastAt'>;

interface RecorderOptions {
  folder: string;
  policy: Pick<EgressPolicy, 'mode'>;
  writeLine: (line: string) => void;
  /** Called at first, and after each time that the report was saved. */
  onReport?: (report: Report) => void;
}

/** Continues with the report of a gateway that was killed. */
export async function createRecorder({
  folder,
  policy: { mode },
  writeLine,
  onReport,
}: RecorderOptions): Promise<Recorder> {
  const file = join(folder, reportFile);
  const previous = await readReport(file);
  const report: Report = { version: 1, mode, entries: [], others: { allowed: 0, refused: 0 }, ...previous };
  const entries = new Map(report.entries.map((entry) => [keyOf(entry), entry]));
  const totals = { allowed: 0, other: 0 };
  for (const { verdict } of report.entries) totals[verdict === 'allowed' ? 'allowed' : 'other'] += 1;
  let isDirty = false;
  let isSaving = false;
  let writing: Promise<void> = Promise.resolve();

  function note(found: Found) {
    const now = systemClock.date().toISOString();
    const group = found.verdict === 'allowed' ? 'allowed' : 'other';
    let entry = entries.get(keyOf(found));
    let isUrgent = false;
    if (entry === undefined && totals[group] >= maxEntries) {
      report.others[found.verdict === 'refused' ? 'refused' : 'allowed'] += 1;
      save();
      return undefined;
    }
    if (entry === undefined) {
      entry = { ...shortened(found), count: 0, sentBytes: 0, receivedBytes: 0, firstAt: now, lastAt: now };
      entries.set(keyOf(found), entry);
      report.entries.push(entry);
      totals[group] += 1;
      if (group === 'other') announce(entry);
      isUrgent = group === 'other';
    }
    entry.count += 1;
    entry.lastAt = now;
    // A refusal may be why the agent fails a moment later.
    if (isUrgent) void write();
    else save();
    return entry;
  }

  function announce({ host, port, verdict, rule, remedy }: ReportEntry) {
    if (totals.other > maxLines) return;
    const what = verdict === 'refused' ? 'refused' : 'observed, would be refused:';
    writeLine(`plan42: network: ${what} ${formatHostPort(host, port)}: ${rule}. ${remedy}`);
    if (totals.other === maxLines) writeLine('plan42: network: further refusals are only counted');
  }

  function save() {
    isDirty = true;
    if (!isSaving) void saveUntilClean();
  }

  async function saveUntilClean() {
    isSaving = true;
    while (isDirty) {
      await write();
      await sleep(saveIntervalMs, undefined, { ref: false });
    }
    isSaving = false;
  }

  function write(): Promise<void> {
    writing = writing.then(async () => {
      isDirty = false;
      await writeReport(file, report).catch((error: unknown) => {
        writeLine(`plan42: network: cannot save the report of connections: ${formatError(error)}`);
      });
      onReport?.(report);
    });
    return writing;
  }

  function withdraw(found: Found) {
    const entry = entries.get(keyOf(found));
    if (entry === undefined) return;
    entry.count -= 1;
    if (entry.count === 0) {
      entries.delete(keyOf(found));
      report.entries.splice(report.entries.indexOf(entry), 1);
      totals[found.verdict === 'allowed' ? 'allowed' : 'other'] -= 1;
    }
    save();
  }

  onReport?.(report);
  return {
    withdraw: (target, permission) => withdraw(foundBy(target, permission)),
    allow: (target, permission) => {
      const entry = note(foundBy(target, permission));
      return (sent, received) => {
        if (entry === undefined) return;
        entry.sentBytes += sent;
        entry.receivedBytes += received;
        save();
      };
    },
    refuse: ({ host, port }, { code, reason, remedy }) => {
      note({ host, port, verdict: 'refused', code, rule: reason, remedy });
    },
    refused: () =>
      refusedHosts(report)
        .slice(0, maxLines)
        .map(({ host, port, rule, remedy }) => ({ host, port, rule, remedy })),
    [Symbol.asyncDispose]: write,
  };
}

function foundBy({ host, port }: Named, { rule, observed }: Permission): Found {
  if (observed === undefined) return { host, port, verdict: 'allowed', code: '', rule, remedy: '' };
  const { code, reason, remedy } = observed;
  return { host, port, verdict: 'observed', code, rule: reason, remedy };
}

function keyOf({ host, port, verdict, code, rule }: Pick<ReportEntry, 'host' | 'port' | 'verdict' | 'code' | 'rule'>) {
  // A request is refused for what it does, so each of these is of interest.
  const isOfRule = verdict === 'allowed' || code === 'request-not-allowed' || code === 'placeholder';
  return JSON.stringify([host, port, verdict, isOfRule ? rule : code]);
}

function shortened<T extends { host: string; rule: string; remedy: string }>(found: T): T {
  const short = (text: string) => text.slice(0, maxTextLength);
  return { ...found, host: short(found.host), rule: short(found.rule), remedy: short(found.remedy) };
}

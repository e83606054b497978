import { fstatSync } from 'node:fs';

/**
 * Returns whether standard output goes to systemd's journal. The variable alone does not say so, because terminals that
 * systemd started hand it on (systemd.exec(5)).
 */
export function writesToJournal(env: NodeJS.ProcessEnv): boolean {
  const stream = env['JOURNAL_STREAM'];
  if (!stream) return false;
  try {
    const { dev, ino } = fstatSync(1);
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

import { tables } from '../config/schema.ts';
import { type FreeSpace, freeSpace } from '../lib/files.ts';
import { shellQuote } from '../lib/shell-quote.ts';
import type { CheckContext } from './check.ts';
import { type Finding, failed, passed } from './finding.ts';
import { existingParent } from './folders.ts';

const gib = 1024 ** 3;

/** There is space for jobs and their logs: below `jobs.min_free_gib` the runner rejects jobs. */
export async function checkDisk(
  { paths, readConfig }: Pick<CheckContext, 'paths' | 'readConfig'>,
  freeBytes: FreeSpace = freeSpace,
): Promise<readonly Finding[]> {
  const parsed = await readConfig().catch(() => undefined);
  const minFreeGib = parsed?.config.jobs.minFreeGib ?? tables.jobs.minFreeGib.default;
  const folders = [...new Set([await existingParent(paths.stateDir), await existingParent(paths.logDir)])];
  return Promise.all(folders.map(async (folder) => judge(folder, await freeBytes(folder), minFreeGib)));
}

function judge(folder: string, free: number, minFreeGib: number): Finding {
  const message = `${(free / gib).toFixed(1)} GiB free for ${folder}`;
  if (free >= minFreeGib * gib) return passed(folder, message);
  return failed(folder, `${message}: jobs are rejected below ${minFreeGib} GiB`, {
    text: 'Free disk space. List the largest folders.',
    command: `du -xh ${shellQuote(folder)} 2>/dev/null | sort -h | tail -20`,
  });
}

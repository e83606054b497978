import { statfs } from 'node:fs/promises';
import { tables } from '../../../../config/schema.ts';
import { shellQuote } from '../../../../lib/shell-quote.ts';
import type { CheckContext } from '../check.ts';
import { existingParent } from '../existing-parent.ts';
import { combine, type Finding, failed, ok } from '../finding.ts';

const gib = 1024 ** 3;

/** Room for jobs and their logs: below `jobs.min_free_gib` the runner takes no more. */
export async function checkDisk(
  { paths, loadConfig }: Pick<CheckContext, 'paths' | 'loadConfig'>,
  freeBytes: (folder: string) => Promise<number> = freeBytesOf,
): Promise<Finding> {
  const loaded = await loadConfig().catch(() => undefined);
  const minFreeGib = loaded?.config.jobs.minFreeGib ?? tables.jobs.minFreeGib.default;
  const folders = [...new Set([await existingParent(paths.stateDir), await existingParent(paths.logDir)])];
  return combine(await Promise.all(folders.map(async (folder) => judge(folder, await freeBytes(folder), minFreeGib))));
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function judge(folder: string, free: number, minFreeGib: number): Finding {
  const found = `${(free / gib).toFixed(1)} GiB free for ${folder}`;
  if (free >= minFreeGib * gib) return ok(found);
  return failed(`${found}: below ${minFreeGib} GiB no job is taken`, {
    text: 'Make room; the largest folders are listed by the command.',
    command: `du -xh ${shellQuote(folder)} 2>/dev/null | sort -h | tail -20`,
  });
}

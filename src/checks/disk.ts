import { tables } from '../config/schema.ts';
import { type FreeSpace, freeInodes, freeSpace, minFreeInodes } from '../lib/files.ts';
import { shellQuote } from '../lib/shell-quote.ts';
import type { CheckContext } from './check.ts';
import { type Finding, failed, passed } from './finding.ts';
import { existingParent } from './folders.ts';

const gib = 1024 ** 3;

interface DiskDeps {
  freeBytes?: FreeSpace;
  countInodes?: typeof freeInodes;
  /** The folder of the engine's containers and images, if it is on this machine. */
  engineFolder?: () => Promise<string | undefined>;
}

/** There are space and inodes for jobs, their logs and containers. Otherwise the runner rejects jobs. */
export async function checkDisk(
  { paths, readConfig }: Pick<CheckContext, 'paths' | 'readConfig'>,
  { freeBytes = freeSpace, countInodes = freeInodes, engineFolder }: DiskDeps = {},
): Promise<readonly Finding[]> {
  const parsed = await readConfig().catch(() => undefined);
  const minFreeGib = parsed?.config.jobs.minFreeGib ?? tables.jobs.minFreeGib.default;
  const judgeFolder = async (folder: string) => {
    const [free, inodes] = await Promise.all([freeBytes(folder), countInodes(folder)]);
    return judgeInodes(folder, inodes) ?? judge(folder, free, minFreeGib);
  };
  const own = new Set([await existingParent(paths.stateDir), await existingParent(paths.logDir)]);
  const findings = await Promise.all([...own].map(judgeFolder));
  const ofEngine = await engineFolder?.().catch(() => undefined);
  if (ofEngine === undefined || own.has(ofEngine)) return findings;
  // It may be in a virtual machine, or not accessible to this user.
  return [
    ...findings,
    ...(await judgeFolder(ofEngine).then(
      (finding) => [finding],
      (): Finding[] => [],
    )),
  ];
}

function judgeInodes(folder: string, free = minFreeInodes): Finding | undefined {
  if (free >= minFreeInodes) return undefined;
  return failed(folder, `${free} inodes free for ${folder}: jobs are rejected below ${minFreeInodes}`, {
    text: 'Remove files. List the folders with the most files.',
    command: `df -i ${shellQuote(folder)}; du -x --inodes ${shellQuote(folder)} 2>/dev/null | sort -n | tail -20`,
  });
}

function judge(folder: string, free: number, minFreeGib: number): Finding {
  const message = `${(free / gib).toFixed(1)} GiB free on the file system of ${folder}`;
  if (free >= minFreeGib * gib) return passed(folder, message);
  return failed(folder, `${message}: jobs are rejected below ${minFreeGib} GiB`, {
    text: 'Free disk space. List the largest folders.',
    command: `du -xh ${shellQuote(folder)} 2>/dev/null | sort -h | tail -20`,
  });
}

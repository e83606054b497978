import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../../src/lib/errors.ts';
import { eventually } from '../eventually.ts';
import { residentMib } from '../process-usage.ts';

/** Figures that can be taken at any time without an effect on the process. Linux only. */
export interface OuterFigures {
  residentMib: number;
  descriptors: number;
  /** Watches of inotify. */
  watches: number;
  /** Processes that it has started and that exist, also exited ones. */
  children: number;
  /** Entries of its folders. */
  files: number;
}

/** Figures that only the process itself can take, with `inside.mjs`. */
export interface InnerFigures {
  /** Timers that have neither fired nor been cleared. */
  timers: number;
  /** Reachable objects. */
  heapMib: number;
}

export async function takeOuterFigures(pid: number, folders: readonly string[]): Promise<OuterFigures> {
  const process = `/proc/${pid}`;
  const [infos, children, names] = await Promise.all([
    readEach(`${process}/fdinfo`),
    readFile(`${process}/task/${pid}/children`, 'utf8'),
    listEntries(folders),
  ]);
  return {
    residentMib: await residentMib(pid),
    descriptors: infos.length,
    watches: infos.join('').match(/^inotify /gm)?.length ?? 0,
    children: children.split(' ').filter((id) => id !== '').length,
    files: names.length,
  };
}

/** Makes the process collect its garbage. */
export async function takeInnerFigures(pid: number, file: string): Promise<InnerFigures> {
  await rm(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  return JSON.parse(await eventually(() => readFile(file, 'utf8').catch(ifMissing)));
}

/** The paths below the folders, in order. */
export async function listEntries(folders: readonly string[]): Promise<string[]> {
  return (await Promise.all(folders.map(listBelow))).flat().toSorted();
}

async function listBelow(folder: string): Promise<string[]> {
  // Folders are removed meanwhile.
  const entries = (await readdir(folder, { withFileTypes: true }).catch(ifMissing)) ?? [];
  const below = entries.filter((entry) => entry.isDirectory()).map(({ name }) => listBelow(join(folder, name)));
  return [...entries.map(({ name }) => join(folder, name)), ...(await Promise.all(below)).flat()];
}

async function readEach(folder: string): Promise<string[]> {
  const texts = (await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8').catch(ifMissing));
  return (await Promise.all(texts)).filter((text) => text !== undefined);
}

function ifMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
}

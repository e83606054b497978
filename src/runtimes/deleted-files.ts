/**
 * The disk space of files that processes of a container hold open, and that have no name any more. Engines measure the files
 * with names.
 */
import { readdir, readlink, stat } from 'node:fs/promises';
import { type Mount, parseMountTable } from '../lib/mount-table.ts';
import { readText } from '../lib/read-file.ts';

interface DeletedFile {
  bytes: number;
  /** The mount points of the container's first process that it is below. */
  mounts: readonly string[];
}

/** By the device and the number of each file. */
type DeletedFiles = ReadonlyMap<string, DeletedFile>;

const blockSize = 512;

/**
 * Finds none without the right to look into the processes, which users of docker lack.
 * @param pids the processes of the container, its first one first
 */
export async function findDeletedFiles(pids: readonly number[]): Promise<DeletedFiles> {
  const [first] = pids;
  if (first === undefined) return new Map();
  const ofContainer = await mountsOf(first);
  const found = new Map<string, DeletedFile>();
  for (const pid of pids) {
    const deleted = await deletedOf(pid);
    if (deleted.length === 0) continue;
    // A process may have mounts of its own, of the same file systems.
    const mounts = new Map((await mountsOf(pid)).map((mount) => [mount.id, mount]));
    for (const fd of deleted) {
      const mount = mounts.get(await mountIdOf(pid, fd));
      if (mount === undefined) continue;
      const file = await stat(`/proc/${pid}/fd/${fd}`).catch(() => undefined);
      if (!file?.isFile() || file.nlink > 0) continue;
      const outer = ofContainer.filter((each) => contains(each, mount)).map(({ path }) => path);
      found.set(`${file.dev}:${file.ino}`, { bytes: file.blocks * blockSize, mounts: outer });
    }
  }
  return found;
}

interface Found {
  before: DeletedFiles;
  after: DeletedFiles;
  /** The mount points that count: others are in memory, or folders of the machine. */
  folders: readonly string[];
}

/** Bytes of the files that had no name before the others were measured, nor after. They were not measured with those. */
export function sizeOfDeleted({ before, after, folders }: Found): number {
  let sum = 0;
  for (const [file, { bytes, mounts }] of before) {
    if (mounts.some((path) => folders.includes(path))) sum += Math.min(bytes, after.get(file)?.bytes ?? 0);
  }
  return sum;
}

async function deletedOf(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  const deleted: string[] = [];
  for (const fd of await readdir(folder).catch(() => [])) {
    const target = await readlink(`${folder}/${fd}`).catch(() => '');
    if (target.startsWith('/') && target.endsWith(' (deleted)')) deleted.push(fd);
  }
  return deleted;
}

async function mountsOf(pid: number): Promise<Mount[]> {
  return parseMountTable(await readText(`/proc/${pid}/mountinfo`).catch(() => ''));
}

async function mountIdOf(pid: number, fd: string): Promise<string> {
  const info = await readText(`/proc/${pid}/fdinfo/${fd}`).catch(() => '');
  return /^mnt_id:\s*(\d+)$/m.exec(info)?.[1] ?? '';
}

function contains(outer: Mount, inner: Mount): boolean {
  const folder = outer.root.endsWith('/') ? outer.root : `${outer.root}/`;
  return outer.device === inner.device && (inner.root === outer.root || inner.root.startsWith(folder));
}

import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Removes the parent cgroup an engine leaves behind from every hierarchy; what is in use cannot be removed and stays. */
export async function removeCgroup(name: string): Promise<void> {
  const root = '/sys/fs/cgroup';
  const hierarchies = ['.', ...(await readdir(root))];
  await Promise.allSettled(hierarchies.map((hierarchy) => rmdir(join(root, hierarchy, name))));
}

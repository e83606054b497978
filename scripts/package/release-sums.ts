/** Checksums of a release, from the packages of all platforms. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from './archive.ts';

/**
 * Returns the checksums of the packages of all platforms in a folder, verified against each `SHA256SUMS-PLATFORM`.
 * @throws Error if a package is missing, damaged or unknown
 */
export async function releaseSums(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder)).toSorted();
  // Several platforms build the npm package. One of them is in the folder.
  const made = new Map<string, Set<string>>();
  for (const name of names.filter(isSums)) {
    for (const line of (await readFile(join(folder, name), 'utf8')).trim().split('\n')) {
      const [sum = '', file = ''] = line.split(/\s+/);
      made.set(file, (made.get(file) ?? new Set()).add(sum));
    }
  }
  const sums = new Map<string, string>();
  for (const name of new Set([...names.filter((one) => !isSums(one)), ...made.keys()])) {
    const sum = await sha256(join(folder, name));
    if (!made.get(name)?.has(sum)) throw new Error(`${name} does not match the checksum of any platform`);
    sums.set(name, sum);
  }
  return sums;
}

export function isSums(name: string): boolean {
  return name.startsWith('SHA256SUMS-');
}

import { readTextIfExists } from '../../lib/read-file.ts';

export async function isSelinuxEnforcing(): Promise<boolean> {
  return (await readTextIfExists('/sys/fs/selinux/enforce').catch(() => undefined))?.trim() === '1';
}

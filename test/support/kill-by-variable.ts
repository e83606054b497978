import { readdir, readFile } from 'node:fs/promises';

/** Kills every process whose environment has this variable, like the end of a container. */
export async function killByVariable(name: string, value: string): Promise<void> {
  for (let found = true; found; ) {
    found = false;
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid) || pid === String(process.pid)) continue;
      const content = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      if (!content.split('\0').includes(`${name}=${value}`)) continue;
      found = true;
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It has exited.
      }
    }
  }
}

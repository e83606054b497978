import { readdir, readFile } from 'node:fs/promises';

/** Kills every process whose environment has this variable, like the end of a container. */
export async function killByVariable(name: string, value: string): Promise<void> {
  await killByText('environ', `${name}=${value}`);
}

/** Kills every process that has this argument. */
export async function killByArgument(argument: string): Promise<void> {
  await killByText('cmdline', argument);
}

async function killByText(file: 'environ' | 'cmdline', text: string): Promise<void> {
  for (let found = true; found; ) {
    found = false;
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid) || pid === String(process.pid)) continue;
      const content = await readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
      if (!content.split('\0').includes(text)) continue;
      found = true;
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It has exited.
      }
    }
  }
}

/** Looks for secrets in everything of a running container, as root of this machine. */
import { open, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Mounts of this machine, and file systems of the kernel. */
const skipped = new Set(['proc', 'sys', 'dev', 'usr', 'lib', 'lib64']);
const chunkBytes = 8 << 20;

/**
 * Returns the names of the secrets that are found: in environments, memory and files of all processes of the container with this
 * first process, and in the texts.
 */
export async function scanJob(
  pid: number,
  secrets: Readonly<Record<string, string>>,
  texts: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>();
  const look = (bytes: Buffer) => {
    for (const [name, secret] of Object.entries(secrets))
      if (!found.has(name) && [secret, btoa(`x-access-token:${secret}`)].some((text) => bytes.includes(text)))
        found.add(name);
  };
  for (const text of texts) look(Buffer.from(text));
  const namespace = await readlink(`/proc/${pid}/ns/pid`);
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  let count = 0;
  for (const each of all) {
    if ((await readlink(`/proc/${each}/ns/pid`).catch(() => '')) !== namespace) continue;
    count += 1;
    for (const file of ['environ', 'cmdline'])
      look(await readFile(`/proc/${each}/${file}`).catch(() => Buffer.alloc(0)));
    await scanMemory(each, look);
  }
  if (count < 3) throw new Error(`only ${count} processes`);
  await scanFolder(`/proc/${pid}/root`, look, true);
  return found;
}

async function scanMemory(pid: string, look: (bytes: Buffer) => void): Promise<void> {
  const maps = await readFile(`/proc/${pid}/maps`, 'utf8').catch(() => '');
  const file = await open(`/proc/${pid}/mem`, 'r').catch(() => undefined);
  if (file === undefined) return;
  await using _file = file;
  for (const line of maps.split('\n')) {
    const [, start = '', end = ''] = /^([\da-f]+)-([\da-f]+) rw/.exec(line) ?? [];
    if (start === '') continue;
    // A secret can lie across two chunks.
    for (let at = parseInt(start, 16); at < parseInt(end, 16); at += chunkBytes - 256) {
      const length = Math.min(chunkBytes, parseInt(end, 16) - at);
      const { buffer, bytesRead } = await file
        .read({ buffer: Buffer.alloc(length), position: at })
        .catch(() => ({ buffer: Buffer.alloc(0), bytesRead: 0 }));
      look(buffer.subarray(0, bytesRead));
      if (bytesRead === 0) break;
    }
  }
}

async function scanFolder(folder: string, look: (bytes: Buffer) => void, isTop = false): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !(isTop && skipped.has(entry.name))) await scanFolder(path, look);
    else if (entry.isFile() && entry.name !== 'node') look(await readFile(path));
  }
}

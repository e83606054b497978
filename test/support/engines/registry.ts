import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireCommands, startDaemon, untilReady } from './processes.ts';

/** A registry on loopback without authentication; disposing stops it. */
export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  host: string;
}

/** Starts Debian's docker-registry on a free loopback port, with its storage below `dir`. */
export async function startRegistry({ dir, signal }: { dir: string; signal: AbortSignal }): Promise<Registry> {
  await requireCommands('docker-registry', 'setpriv');
  const home = join(dir, 'registry');
  const logFile = join(home, 'registry.log');
  const configFile = join(home, 'config.yml');
  await mkdir(home, { recursive: true });
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify(config(join(home, 'storage'))));
  const daemon = await startDaemon('docker-registry', ['serve', configFile], { logFile, stopTimeoutMs: 2000 });
  try {
    const host = await untilReady(daemon, () => listeningAddress(logFile), { signal });
    return { host, [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() };
  } catch (error) {
    await daemon[Symbol.asyncDispose]();
    throw error;
  }
}

function config(rootdirectory: string) {
  return {
    version: 0.1,
    log: { level: 'info', formatter: 'text' },
    storage: { filesystem: { rootdirectory }, cache: { blobdescriptor: 'inmemory' } },
    http: { addr: '127.0.0.1:0' },
  };
}

async function listeningAddress(logFile: string): Promise<string> {
  const [, host] = /listening on (127\.0\.0\.1:\d+)/.exec(await readFile(logFile, 'utf8')) ?? [];
  if (host === undefined) throw new Error('docker-registry does not listen');
  return host;
}

/** A control plane in a process of its own, from the sources, that can be killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Answer, type CallOptions, callServer } from './control-plane.ts';

export interface SpawnedServer {
  url: string;
  call: (method: string, path: string, options: CallOptions) => Promise<Answer>;
  /** Kills the process with SIGKILL. */
  kill: () => Promise<void>;
}

export async function spawnServer(dataDir: string): Promise<SpawnedServer> {
  const sources = (path: string) => import.meta.resolve(`../../src/${path}`);
  const script = `
    import { startServer } from '${sources('server/server.ts')}';
    import { silentLogger as logger } from '${sources('lib/logger.ts')}';
    const { url } = await startServer({ dataDir: process.argv[1], listen: { host: '127.0.0.1', port: 0 }, logger });
    console.log(url);`;
  const argv = ['--input-type=module', '-e', script, dataDir];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    url,
    call: (method, path, options) => callServer(url, method, path, options),
    kill: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

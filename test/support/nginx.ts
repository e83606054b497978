import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

export const nginxPath = '/usr/sbin/nginx';

/**
 * Runs nginx with its default settings and these servers.
 * @param servers `server` blocks
 */
export async function startNginx(folder: string, servers: string, port: number): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true });
  // Apart from the servers: where it writes, and as whom.
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const places = kinds.map((kind) => `${kind}_temp_path ${join(folder, kind)};`).join('\n');
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const config = `${user}
    daemon off;
    pid ${join(folder, 'nginx.pid')};
    error_log stderr;
    events {}
    http {
      access_log off;
      ${places}
      ${servers}
    }`;
  const file = join(folder, 'nginx.conf');
  await writeFile(file, config);
  const child = spawn(nginxPath, ['-c', file, '-p', folder], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`nginx exited: ${errors}`);
    return await isListening(port);
  });
  return { [Symbol.asyncDispose]: () => stop(child) };
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

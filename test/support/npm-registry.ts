/** A registry of npm with packages of one version, over real HTTP. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { run } from './engines/processes.ts';
import { sendJson } from './http-server.ts';

export interface NpmRegistry extends AsyncDisposable {
  port: number;
  /** Paths of the requests. */
  requests: string[];
}

/** @param program the program of the package, which has its name */
export async function startNpmRegistry(
  host: string,
  dir: string,
  { name, program }: { name: string; program: string },
): Promise<NpmRegistry> {
  const manifest = { name, version: '1.0.0', bin: { [name]: 'program.mjs' } };
  await mkdir(join(dir, 'package'), { recursive: true });
  await writeFile(join(dir, 'package/package.json'), JSON.stringify(manifest));
  await writeFile(join(dir, 'package/program.mjs'), program, { mode: 0o755 });
  const file = join(dir, 'package.tgz');
  await run('tar', ['--create', '--gzip', '--file', file, '--directory', dir, 'package']);
  const tarball = await readFile(file);
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  const requests: string[] = [];
  const http = createServer(({ url = '', headers }, response) => {
    requests.push(url);
    const dist = { tarball: `http://${headers.host}/${name}.tgz`, integrity };
    const packument = { name, 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': { ...manifest, dist } } };
    if (url === `/${name}`) sendJson(response, 200, packument);
    else if (url === `/${name}.tgz`) response.end(tarball);
    else sendJson(response, 404, { error: 'Not found' });
  });
  await once(http.listen(0, host), 'listening');
  return {
    port: (http.address() as AddressInfo).port,
    requests,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
}

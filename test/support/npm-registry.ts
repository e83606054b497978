/** A registry of npm over real HTTP, with the packages that it is given. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { run } from './engines/processes.ts';
import { sendJson } from './http-server.ts';
import type { Json } from './json.ts';

export interface NpmRegistry extends AsyncDisposable {
  port: number;
  /** Paths of the requests. */
  requests: string[];
}

export interface NpmPackage {
  manifest: Json;
  tarball: Buffer;
}

/** A package that consists of one program of its name. */
export async function programPackage(dir: string, name: string, program: string): Promise<NpmPackage> {
  const folder = join(dir, 'package');
  const manifest = { name, version: '1.0.0', bin: { [name]: 'program.mjs' } };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'program.mjs'), program, { mode: 0o755 });
  return { manifest, tarball: await pack(folder, join(dir, 'package.tgz')) };
}

/** All packages of an installation, so that they can be installed again without a network. `dir` is for their tarballs. */
export async function installedPackages(nodeModules: string, dir: string): Promise<NpmPackage[]> {
  const entries = await readdir(nodeModules, { recursive: true });
  // Not the `package.json` of a package's own folders.
  const manifests = entries.filter((path) => /(?:^|\/node_modules\/)(?:@[^/]+\/)?[^/@]+\/package\.json$/.test(path));
  return await Promise.all(
    manifests.map(async (path, index) => {
      const manifest: Json = JSON.parse(await readFile(join(nodeModules, path), 'utf8'));
      const tarball = await pack(join(nodeModules, path, '..'), join(dir, `${index}.tgz`));
      return { manifest, tarball };
    }),
  );
}

async function pack(folder: string, file: string): Promise<Buffer> {
  const content = ['--exclude=./node_modules', '--transform=s,^\\.,package,', '--directory', folder, '.'];
  await run('tar', ['--create', '--use-compress-program=gzip -1', '--file', file, ...content]);
  return await readFile(file);
}

export async function startNpmRegistry(
  host: string,
  packages: readonly NpmPackage[],
  tls?: { cert: string; key: string },
): Promise<NpmRegistry> {
  const requests: string[] = [];
  const nameOf = ({ manifest }: NpmPackage) => `${manifest.name}-${manifest.version}.tgz`;
  const answer = ({ url = '', headers }: IncomingMessage, response: ServerResponse): unknown => {
    const path = decodeURIComponent(url.replace(/\?.*/, '')).slice(1);
    requests.push(`/${path}`);
    const file = packages.find((each) => nameOf(each) === path);
    if (file !== undefined) return response.end(file.tarball);
    const versions = packages.filter(({ manifest }) => manifest.name === path);
    if (versions.length === 0) return sendJson(response, 404, { error: 'Not found' });
    const described = versions.map((each) => {
      const integrity = `sha512-${createHash('sha512').update(each.tarball).digest('base64')}`;
      const dist = { tarball: `${tls === undefined ? 'http' : 'https'}://${headers.host}/${nameOf(each)}`, integrity };
      return [each.manifest.version, { ...each.manifest, dist }];
    });
    const latest = versions[0]?.manifest.version;
    return sendJson(response, 200, { name: path, 'dist-tags': { latest }, versions: Object.fromEntries(described) });
  };
  const http = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
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

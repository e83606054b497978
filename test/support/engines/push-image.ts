import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

const types = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
};

/**
 * Pushes an image made of uncompressed tar layers, bottom first, by the registry's HTTP API: that takes a tenth of the
 * time an engine takes, and needs none. Returns the image's reference.
 */
export async function pushImage({
  registry,
  repository,
  tag,
  layers,
  env = [],
  user = '',
  signal,
}: {
  registry: string;
  repository: string;
  tag: string;
  layers: Buffer[];
  /** Variables of the image, such as `NAME=VALUE`. */
  env?: string[];
  /** The user of the image, by default root. */
  user?: string;
  signal: AbortSignal;
}): Promise<string> {
  const base = `http://${registry}/v2/${repository}`;
  const push = async (mediaType: string, content: Buffer) => {
    const digest = sha256(content);
    await pushBlob({ base, content, digest, signal });
    return { mediaType, size: content.length, digest };
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: await push(types.config, imageConfig(layers, env, user)),
    layers: await Promise.all(layers.map((layer) => push(types.layer, gzipSync(layer, { level: 1 })))),
  };
  const body = JSON.stringify(manifest);
  const headers = { 'content-type': types.manifest };
  await request(`${base}/manifests/${tag}`, { method: 'PUT', headers, body, signal });
  return `${registry}/${repository}:${tag}`;
}

function imageConfig(layers: Buffer[], env: string[], user: string): Buffer {
  const hasPath = env.some((variable) => variable.startsWith('PATH='));
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    // A fixed date, so that equal content has an equal digest.
    created: '2026-01-01T00:00:00Z',
    // With two of one name, docker takes the first one in some cases, and the last one in others.
    config: {
      Env: [...(hasPath ? [] : ['PATH=/usr/sbin:/usr/bin:/sbin:/bin']), ...env],
      Cmd: ['/bin/sh'],
      ...(user !== '' && { User: user }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(sha256) },
    // Podman builds on no image without one.
    history: layers.map(() => ({ created: '2026-01-01T00:00:00Z' })),
  };
  return Buffer.from(JSON.stringify(config));
}

async function pushBlob(blob: { base: string; content: Buffer; digest: string; signal: AbortSignal }): Promise<void> {
  const { base, content, digest, signal } = blob;
  const upload = await request(`${base}/blobs/uploads/`, { method: 'POST', signal });
  const location = new URL(upload.headers.get('location') ?? '', base);
  location.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream' };
  await request(location, { method: 'PUT', headers, body: new Uint8Array(content), signal });
}

async function request(url: string | URL, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`registry: ${init.method} ${url}: ${response.status} ${text}`);
  return response;
}

function sha256(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

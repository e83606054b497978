/** Writes images as archives that engines load and registries take, without an engine. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type TarEntry, writeTar } from '../../../src/lib/tar.ts';

export interface Image {
  /** As in the names of registries: `amd64`, `arm64`. */
  architecture: string;
  created: Date;
  /** The `config` of the OCI image specification. */
  config: Readonly<Record<string, unknown>>;
  /** From the lowest to the topmost, each with every path once and each folder before its contents. */
  layers: readonly (readonly TarEntry[])[];
}

export interface Descriptor {
  mediaType: string;
  /** `sha256:` and hexadecimal digits. */
  digest: string;
  size: number;
  platform?: { architecture: string; os: string };
  annotations?: Readonly<Record<string, string>>;
}

/** The files of an archive by their digest. */
export interface Blob extends Descriptor {
  file: string;
}

const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

/** Writes the blobs of an image into `folder`. The first is its manifest, then follow its configuration and its layers. */
export async function writeImage(image: Image, folder: string): Promise<Blob[]> {
  const { architecture, created, config } = image;
  const layers = [];
  for (const [n, entries] of image.layers.entries()) layers.push(await writeLayer(entries, join(folder, `layer-${n}`)));
  const platform = { architecture, os: 'linux' };
  const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) };
  const time = created.toISOString();
  const history = layers.map(() => ({ created: time, created_by: 'plan42 make package' }));
  const content = { created: time, ...platform, config, rootfs, history };
  const configuration = await writeJson(content, { mediaType: types.config, file: join(folder, 'config') });
  const blobs = layers.map(({ blob }) => blob);
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: plain(configuration),
    layers: blobs.map(plain),
  };
  const written = await writeJson(manifest, { mediaType: types.manifest, file: join(folder, 'manifest') });
  return [{ ...written, platform }, configuration, ...blobs];
}

/** Writes the JSON of a blob. The same content gives the same bytes. */
export async function writeJson(content: object, { mediaType, file }: Pick<Blob, 'mediaType' | 'file'>): Promise<Blob> {
  const bytes = Buffer.from(JSON.stringify(content));
  await writeFile(file, bytes);
  return { mediaType, file, size: bytes.length, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
}

/** Without what only this program knows. */
export function plain({ mediaType, digest, size, platform }: Blob): Descriptor {
  return { mediaType, digest, size, ...(platform && { platform }) };
}

interface Archive {
  file: string;
  /** The manifest, or an index of several. */
  top: Descriptor;
  blobs: readonly Blob[];
  /** `NAME:TAG`, under which engines load it. */
  name: string;
  /** The configuration and the layers of the only image, for `docker load` without containerd. */
  single?: { config: Blob; layers: readonly Blob[] };
}

/** Writes an OCI image layout as one file. */
export async function writeArchive({ file, top, blobs, name, single }: Archive): Promise<void> {
  const tag = name.slice(name.lastIndexOf(':') + 1);
  const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': tag };
  const index = { schemaVersion: 2, mediaType: types.index, manifests: [{ ...top, annotations }] };
  const pathOf = ({ digest }: Descriptor) => `blobs/${digest.replace(':', '/')}`;
  const unique = new Map(blobs.map((blob) => [pathOf(blob), blob.file]));
  const docker = single && [
    { Config: pathOf(single.config), RepoTags: [name], Layers: single.layers.map((layer) => pathOf(layer)) },
  ];
  const json = (path: string, content: object): TarEntry => ({ path, mode: 0o644, content: JSON.stringify(content) });
  const entries: TarEntry[] = [
    json('oci-layout', { imageLayoutVersion: '1.0.0' }),
    json('index.json', index),
    ...(docker === undefined ? [] : [json('manifest.json', docker)]),
    { path: 'blobs', mode: 0o755, folder: true },
    { path: 'blobs/sha256', mode: 0o755, folder: true },
    ...[...unique].toSorted(byPath).map(([path, blob]): TarEntry => ({ path, mode: 0o644, file: blob })),
  ];
  await pipeline(Readable.from(writeTar(entries)), createWriteStream(file));
}

const byPath = ([a]: [string, string], [b]: [string, string]) => (a < b ? -1 : 1);

async function writeLayer(entries: readonly TarEntry[], file: string): Promise<{ blob: Blob; diffId: string }> {
  const inside = createHash('sha256');
  const tap = new PassThrough();
  tap.on('data', (chunk: Buffer) => inside.update(chunk));
  // No time and no name in the header, so that the same files give the same bytes.
  await pipeline(Readable.from(writeTar(entries)), tap, createGzip({ level: 6 }), createWriteStream(file));
  const outside = createHash('sha256');
  await pipeline(createReadStream(file), outside);
  const { size } = await stat(file);
  const blob = { mediaType: types.layer, file, size, digest: `sha256:${outside.digest('hex')}` };
  return { blob, diffId: `sha256:${inside.digest('hex')}` };
}

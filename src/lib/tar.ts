/** Writes archives in the ustar format (POSIX.1-1988), which every container engine imports. */
import { openToRead } from './read-file.ts';

/** Owner and group are `owner`, root by default. */
export type TarEntry = { path: string; mode: number; owner?: number } & (
  | { file: string }
  | { content: string }
  | { link: string }
  | { folder: true }
);

const blockBytes = 512;

/** @throws Error if a path is too long for the format */
export async function* writeTar(entries: readonly TarEntry[]): AsyncGenerator<Buffer, void> {
  for (const entry of entries) {
    const { path, mode, owner } = entry;
    if ('folder' in entry) yield header(`${path}/`, { mode, owner, type: '5' });
    else if ('link' in entry) yield header(path, { mode, owner, type: '2', link: entry.link });
    else if ('content' in entry)
      yield* withPadding(header(path, { mode, owner, size: Buffer.byteLength(entry.content) }), entry.content);
    else {
      await using file = await openToRead(entry.file);
      const { size } = await file.stat();
      yield header(path, { mode, owner, size });
      let written = 0;
      for await (const chunk of file.createReadStream({ highWaterMark: 1 << 20, autoClose: false })) {
        written += (chunk as Buffer).length;
        yield chunk as Buffer;
      }
      if (written !== size) throw new Error(`${entry.file} changed while it was read`);
      yield padding(size);
    }
  }
  yield Buffer.alloc(2 * blockBytes);
}

function* withPadding(head: Buffer, content: string): Generator<Buffer, void> {
  const bytes = Buffer.from(content);
  yield head;
  yield bytes;
  yield padding(bytes.length);
}

function padding(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
}

interface Attributes {
  mode: number;
  owner?: number | undefined;
  size?: number;
  type?: string;
  link?: string;
}

function header(path: string, { mode, owner = 0, size = 0, type = '0', link = '' }: Attributes): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  const [prefix, name] = splitPath(path.replace(/^\//, ''));
  block.write(name, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(owner, 7), 108);
  block.write(octal(owner, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  block.write(type, 156);
  block.write(link, 157);
  block.write('ustar\0', 257);
  block.write('00', 263);
  block.write(prefix, 345);
  // The checksum is calculated with spaces in its own place.
  block.fill(' ', 148, 156);
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
    148,
  );
  return block;
}

const maxNameBytes = 100;
const maxPrefixBytes = 155;

function splitPath(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= maxNameBytes) return ['', path];
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (Buffer.byteLength(prefix) <= maxPrefixBytes && Buffer.byteLength(name) <= maxNameBytes && name !== '')
      return [prefix, name];
  }
  throw new Error(`the path ${path} is too long for an archive`);
}

import type { Socket } from 'node:net';

/** All bytes that have arrived and are not read. */
export function readAvailable(socket: Socket): Buffer {
  const chunks: Buffer[] = [];
  while (true) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return Buffer.concat(chunks);
    chunks.push(chunk);
  }
}

/** Passes bytes between two sockets until both directions have ended. */
import type { Socket } from 'node:net';
import { systemClock } from '../lib/clock.ts';
import { passOn, type See } from './block-reader.ts';

export interface RelayOptions {
  /** Without a byte in either direction. */
  idleMs: number;
  onBytes: (sent: number, received: number) => void;
  /** Decides by the first bytes of the client whether anything of it is passed on. */
  admit?: (client: Socket) => Promise<boolean>;
  /** Sees what comes from the other side. */
  see?: See;
}

const countIntervalMs = 5000;

/** Half-closes and errors are passed on, and the slower side slows the faster one. Closes both sockets in the end. */
export function relay(client: Socket, upstream: Socket, { idleMs, onBytes, admit, see }: RelayOptions): void {
  const counted = { sent: upstream.bytesWritten, received: upstream.bytesRead };
  let activeAt = systemClock.now();
  const ticker = setInterval(() => {
    if (count()) activeAt = systemClock.now();
    else if (systemClock.now() - activeAt >= idleMs) destroy();
  }, countIntervalMs);
  ticker.unref();

  /** Returns whether any bytes were passed since the last call. */
  function count(): boolean {
    const sent = upstream.bytesWritten - counted.sent;
    const received = upstream.bytesRead - counted.received;
    if (sent === 0 && received === 0) return false;
    counted.sent += sent;
    counted.received += received;
    onBytes(sent, received);
    return true;
  }

  function destroy(): void {
    client.destroy();
    upstream.destroy();
  }

  for (const socket of [client, upstream]) {
    socket.on('error', destroy).once('close', () => {
      // If the side was ended properly, its last bytes may still be on their way.
      if (!socket.readableEnded) destroy();
      if (client.destroyed && upstream.destroyed) clearInterval(ticker);
      count();
    });
  }
  if (client.destroyed || upstream.destroyed) {
    destroy();
    return;
  }
  passOn(upstream, client, see);
  if (admit === undefined) passOn(client, upstream);
  else admit(client).then((isAdmitted) => (isAdmitted ? passOn(client, upstream) : upstream.destroy()), destroy);
}

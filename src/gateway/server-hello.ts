/** Reads whether a TLS server wants a second ClientHello (HelloRetryRequest, RFC 8446, section 4.1.3). */
import type { Socket } from 'node:net';

const type = { changeCipherSpec: 20, alert: 21, handshake: 22, serverHello: 2 } as const;
const headerBytes = 5;
/** Type and length of the message, version, and the random value that makes it a HelloRetryRequest. */
const neededBytes = 4 + 2 + 32;
const retryRandom = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex');

/** If a server has sent this much without a message, its client is not trusted to send only one. */
const maxBytes = 64 * 1024;

/** @param bytes all that the server has sent so far. @returns undefined if that is not enough to know it */
export function isRetryRequest(bytes: Buffer): boolean | undefined {
  let message: Buffer = Buffer.alloc(0);
  for (let at = 0; message.length < neededBytes; ) {
    const kind = bytes[at];
    if (kind === undefined) return undefined;
    // No TLS at all.
    if (kind !== type.handshake && kind !== type.alert && kind !== type.changeCipherSpec) return false;
    if (bytes.length < at + headerBytes) return undefined;
    const end = at + headerBytes + bytes.readUInt16BE(at + 3);
    if (kind === type.handshake) message = Buffer.concat([message, bytes.subarray(at + headerBytes, end)]);
    at = end;
  }
  return message[0] === type.serverHello && message.subarray(6, neededBytes).equals(retryRandom);
}

export interface ServerHello {
  /** Sees what comes from the server, until it returns false. */
  see: (chunk: Buffer) => boolean;
  /** Resolves when it is known, or the connection is closed. */
  isRetry: Promise<boolean>;
}

export function watchServerHello(server: Socket): ServerHello {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let seen: Buffer = Buffer.alloc(0);
  server.once('end', () => resolve(false)).once('close', () => resolve(false));
  const see = (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk]);
    const isRetry = isRetryRequest(seen) ?? (seen.length > maxBytes || undefined);
    if (isRetry !== undefined) resolve(isRetry);
    return isRetry === undefined;
  };
  return { see, isRetry: promise };
}

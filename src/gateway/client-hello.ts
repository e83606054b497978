/** Reads the server name of a TLS ClientHello (RFC 8446, 6066), which may be spread over segments and records. */

export type HelloResult =
  /** The rest has not arrived. */
  | { kind: 'incomplete' }
  /** `length` is that of its records. */
  | { kind: 'hello'; serverName: string | undefined; length: number }
  | { kind: 'not-tls' }
  /** TLS, but not as a client writes it that has nothing to hide. */
  | { kind: 'invalid'; reason: string };

/** More than any client sends. Post-quantum key shares need about 2 KiB, session tickets up to 16 KiB or so. */
export const maxHelloBytes = 64 * 1024;

const recordHeaderBytes = 5;
const maxRecordBytes = 16_384;
const maxRecords = 64;
const type = {
  ...{ handshake: 22, changeCipherSpec: 20, applicationData: 23 },
  ...{ clientHello: 1, serverName: 0, hostName: 0 },
} as const;

/** @param bytes all that the client has sent so far */
export function readClientHello(bytes: Buffer): HelloResult {
  return withoutInvalid(() => parse(bytes));
}

/**
 * Reads the second ClientHello, which a server asked for by a HelloRetryRequest.
 * @param bytes all that the client has sent after the first one
 */
export function readSecondHello(bytes: Buffer): HelloResult {
  return withoutInvalid(() => {
    const start = skipIgnored(bytes);
    if (start === undefined && bytes.length >= maxHelloBytes) throw new Invalid('its second ClientHello is missing');
    if (start === undefined) return { kind: 'incomplete' };
    const result = parse(bytes.subarray(start));
    return result.kind === 'hello' ? { ...result, length: start + result.length } : result;
  });
}

/** The records before a second ClientHello that a server ignores: data that came too early, and a compatible nothing. */
function skipIgnored(bytes: Buffer): number | undefined {
  for (let at = 0; at < bytes.length; at += recordHeaderBytes + bytes.readUInt16BE(at + 3)) {
    if (bytes[at] !== type.changeCipherSpec && bytes[at] !== type.applicationData) return at;
    if (bytes.length < at + recordHeaderBytes) return undefined;
  }
  return undefined;
}

function withoutInvalid(read: () => HelloResult): HelloResult {
  try {
    return read();
  } catch (error) {
    if (error instanceof Invalid) return { kind: 'invalid', reason: error.message };
    throw error;
  }
}

class Invalid extends Error {
  override readonly name = 'Invalid';
}

function parse(bytes: Buffer): HelloResult {
  const [first = type.handshake, major = 3] = bytes;
  if (first !== type.handshake || major !== 3) return { kind: 'not-tls' };
  const message = joinRecords(bytes);
  if (message === undefined) {
    if (bytes.length >= maxHelloBytes) throw new Invalid('its ClientHello is too long');
    return { kind: 'incomplete' };
  }
  return { kind: 'hello', serverName: readServerName(message.body), length: message.length };
}

/** The body of the ClientHello, and the length of its records; undefined if it is incomplete. */
function joinRecords(bytes: Buffer): { body: Buffer; length: number } | undefined {
  const parts: Buffer[] = [];
  let joined = 0;
  let declared = 0;
  let wanted: number | undefined;
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== type.handshake) throw new Invalid('its ClientHello is interrupted by another record');
    if (bytes.length > at + 1 && bytes[at + 1] !== 3) throw new Invalid('a record is not of TLS');
    if (bytes.length < at + recordHeaderBytes) return undefined;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > maxRecordBytes) throw new Invalid('a record has an invalid length');
    const part = bytes.subarray(at + recordHeaderBytes, at + recordHeaderBytes + length);
    parts.push(part);
    if (parts.length > maxRecords) throw new Invalid('its ClientHello has too many records');
    joined += part.length;
    declared += length;
    at += recordHeaderBytes + length;
    const header = wanted === undefined && joined >= 4 ? Buffer.concat(parts) : undefined;
    if (header !== undefined) {
      if (header[0] !== type.clientHello) throw new Invalid('it does not begin with a ClientHello');
      wanted = 4 + header.readUIntBE(1, 3);
      if (wanted > maxHelloBytes) throw new Invalid('its ClientHello is too long');
    }
    // Servers do not agree about the meaning of what follows in the same record.
    if (wanted !== undefined && declared > wanted) throw new Invalid('its first record has more than a ClientHello');
    if (wanted === undefined || joined < wanted) continue;
    return { body: Buffer.concat(parts).subarray(4, wanted), length: at };
  }
  return undefined;
}

function readServerName(message: Buffer): string | undefined {
  const hello = new Reader(message);
  hello.skip(2 + 32);
  hello.take(hello.number(1));
  hello.take(hello.number(2));
  hello.take(hello.number(1));
  if (hello.isAtEnd) return undefined;
  const extensions = new Reader(hello.take(hello.number(2)));
  hello.requireEnd();
  let name: string | undefined;
  const seen = new Set<number>();
  while (!extensions.isAtEnd) {
    const kind = extensions.number(2);
    const body = extensions.take(extensions.number(2));
    if (seen.has(kind)) throw new Invalid('it has an extension twice');
    seen.add(kind);
    if (kind === type.serverName) name = readHostName(body);
  }
  return name;
}

function readHostName(body: Buffer): string {
  const extension = new Reader(body);
  const list = new Reader(extension.take(extension.number(2)));
  extension.requireEnd();
  if (list.number(1) !== type.hostName) throw new Invalid('its server name is of an unknown type');
  const name = list.take(list.number(2));
  list.requireEnd();
  if (name.length === 0 || name.some((byte) => byte <= 0x20 || byte >= 0x7f))
    throw new Invalid('its server name is not a name');
  return name.toString('latin1');
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  requireEnd(): void {
    if (!this.isAtEnd) throw new Invalid('its ClientHello has bytes that belong to nothing');
  }

  skip(count: number): void {
    this.take(count);
  }

  number(size: 1 | 2): number {
    return this.take(size).readUIntBE(0, size);
  }

  take(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw new Invalid('its ClientHello ends too early');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}

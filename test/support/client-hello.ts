/** ClientHellos of any shape, for tests of those who read them. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { connect } from 'node:tls';

const vector = (bits: 8 | 16, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(bits / 8);
  length.writeUIntBE(body.length, 0, bits / 8);
  return Buffer.concat([length, body]);
};

export function serverNameExtension(...names: readonly string[]): Buffer {
  const list = names.map((name) => Buffer.concat([Buffer.from([0]), vector(16, Buffer.from(name, 'latin1'))]));
  return Buffer.concat([Buffer.from([0, 0]), vector(16, vector(16, ...list))]);
}

/** The handshake message, without its record. */
export function helloMessage(...extensions: readonly Buffer[]): Buffer {
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    vector(8, Buffer.alloc(32, 8)),
    vector(16, Buffer.from([0x13, 0x01])),
    vector(8, Buffer.from([0])),
    ...(extensions.length === 0 ? [] : [vector(16, ...extensions)]),
  ]);
  const header = Buffer.alloc(4);
  header.writeUInt32BE(body.length);
  header[0] = 1;
  return Buffer.concat([header, body]);
}

export function record(body: Buffer, type = 22): Buffer {
  return Buffer.concat([Buffer.from([type, 3, 1]), vector(16, body)]);
}

/** A whole record with a name, or without one. */
export function clientHello(...names: readonly string[]): Buffer {
  return record(helloMessage(...(names.length === 0 ? [] : [serverNameExtension(...names)])));
}

/** The first flight of the TLS client of Node.js. */
export async function realClientHello(servername: string): Promise<Buffer> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', servername });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [import('node:net').Socket];
  socket.on('error', () => {});
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  client.destroy();
  server.close();
  return bytes;
}

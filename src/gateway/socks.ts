/** SOCKS5 (RFC 1928): names and addresses, CONNECT only, without authentication, because the socket itself is the job's. */
import type { Socket } from 'node:net';
import { readAvailable } from './available.ts';
import type { Refusal } from './decide.ts';
import { parseHost, type Target } from './host-name.ts';
import { openTunnel, type ProxyDeps } from './tunnel.ts';

export const socksVersion = 5;

export type SocksMessage =
  | { kind: 'incomplete' }
  /** `reply` is a code of the protocol. */
  | { kind: 'invalid'; reply: number }
  | { kind: 'greeting'; length: number; acceptsNone: boolean }
  | { kind: 'request'; length: number; target: Target };

const reply = { established: 0, refused: 2, unreachable: 4, command: 7, addressType: 8, failure: 1 } as const;
const noAuthentication = 0;
const noMethod = 0xff;

export function readSocksGreeting(bytes: Buffer): SocksMessage {
  const [version, count] = bytes;
  if (version !== undefined && version !== socksVersion) return { kind: 'invalid', reply: reply.failure };
  if (count === undefined || bytes.length < 2 + count) return { kind: 'incomplete' };
  const acceptsNone = bytes.subarray(2, 2 + count).includes(noAuthentication);
  return { kind: 'greeting', length: 2 + count, acceptsNone };
}

export function readSocksRequest(bytes: Buffer): SocksMessage {
  const [version, command, , addressType, nameLength] = bytes;
  if (version !== undefined && version !== socksVersion) return { kind: 'invalid', reply: reply.failure };
  if (command !== undefined && command !== 1) return { kind: 'invalid', reply: reply.command };
  if (addressType === undefined || nameLength === undefined) return { kind: 'incomplete' };
  const [start, size] = { 1: [4, 4], 3: [5, nameLength], 4: [4, 16] }[addressType] ?? [];
  if (start === undefined || size === undefined) return { kind: 'invalid', reply: reply.addressType };
  const end = start + size;
  if (bytes.length < end + 2) return { kind: 'incomplete' };
  const host = parseHost(hostText(bytes.subarray(start, end), addressType));
  const port = bytes.readUInt16BE(end);
  if (host === undefined || port === 0) return { kind: 'invalid', reply: reply.failure };
  return { kind: 'request', length: end + 2, target: { host, port } };
}

function hostText(bytes: Buffer, addressType: number): string {
  if (addressType === 3) return bytes.toString('latin1');
  if (addressType === 1) return bytes.join('.');
  return Array.from({ length: 8 }, (_, n) => bytes.readUInt16BE(2 * n).toString(16)).join(':');
}

interface SocksOptions extends ProxyDeps {
  /** Takes over a tunnel to the HTTP port. */
  acceptHttp: (client: Socket, tunnel: Target) => void;
}

/** Serves a client until its tunnel is open or refused. Never rejects. */
export async function acceptSocks(client: Socket, options: SocksOptions): Promise<void> {
  client.on('error', () => client.destroy());
  const timer = setTimeout(() => client.destroy(), options.limits.headerMs);
  try {
    const greeting = await readMessage(client, readSocksGreeting);
    if (greeting?.kind !== 'greeting') return close(client);
    if (!greeting.acceptsNone) return close(client, Buffer.from([socksVersion, noMethod]));
    client.write(Buffer.from([socksVersion, noAuthentication]));
    const request = await readMessage(client, readSocksRequest);
    if (request?.kind === 'invalid') return close(client, replyOf(request.reply));
    if (request?.kind !== 'request') return close(client);
    const { target } = request;
    clearTimeout(timer);
    const replies = {
      established: () => client.write(replyOf(reply.established)),
      refused: (_refusal: Refusal) => close(client, replyOf(reply.refused)),
      unreachable: () => close(client, replyOf(reply.unreachable)),
    };
    const permission = await openTunnel(client, target, replies, options);
    if (permission !== undefined) options.acceptHttp(client, target);
  } catch {
    client.destroy();
  } finally {
    clearTimeout(timer);
  }
}

function replyOf(code: number): Buffer {
  return Buffer.from([socksVersion, code, 0, 1, 0, 0, 0, 0, 0, 0]);
}

function close(client: Socket, last?: Buffer): void {
  if (last === undefined) client.destroy();
  else client.end(last);
  client.resume();
  setTimeout(() => client.destroy(), closeMs).unref();
}

const closeMs = 1000;

/** Reads one message and leaves what follows in the socket. Undefined if the client closes. */
async function readMessage(client: Socket, parse: (bytes: Buffer) => SocksMessage): Promise<SocksMessage | undefined> {
  let bytes: Buffer = Buffer.alloc(0);
  const { promise, resolve } = Promise.withResolvers<SocksMessage | undefined>();
  const onReadable = () => {
    bytes = Buffer.concat([bytes, readAvailable(client)]);
    const message = parse(bytes);
    if (message.kind === 'incomplete') return;
    client.off('readable', onReadable);
    if ('length' in message && bytes.length > message.length) client.unshift(bytes.subarray(message.length));
    resolve(message);
  };
  const onEnd = () => resolve(undefined);
  client.on('readable', onReadable).once('end', onEnd).once('close', onEnd);
  onReadable();
  return await promise.finally(() => client.off('readable', onReadable).off('end', onEnd).off('close', onEnd));
}

/** The first bytes of a client in a tunnel: TLS must name the host that the tunnel leads to. */
import type { Socket } from 'node:net';
import { readAvailable } from './available.ts';
import { type HelloResult, readClientHello, readSecondHello } from './client-hello.ts';
import type { Refusal } from './decide.ts';
import { parseHost, type Target } from './host-name.ts';

/** The port on which only TLS is passed on. */
export const tlsPort = 443;

/** A fatal TLS alert: access denied. */
const accessDenied = Buffer.from([21, 3, 3, 0, 2, 2, 49]);

export type FirstBytes =
  /** `helloBytes` is the length of the ClientHello; zero if it is not TLS. */
  { kind: 'admitted'; helloBytes: number } | { kind: 'closed' } | { kind: 'refused'; refusal: Refusal };

/** Reads as much as the decision needs, and puts it back. */
export async function checkFirstBytes(client: Socket, target: Target, timeoutMs: number): Promise<FirstBytes> {
  const bytes = await readUntilDecided(client, timeoutMs, readClientHello);
  if (bytes.length > 0) client.unshift(bytes);
  // Nothing was sent: neither to the host, nor anything to refuse.
  else if (target.port === tlsPort) return { kind: 'closed' };
  if (bytes.length === 0) return { kind: 'admitted', helloBytes: 0 };
  const refusal = refuseFirstBytes(target, bytes);
  if (refusal !== undefined) return { kind: 'refused', refusal };
  const hello = readClientHello(bytes);
  return { kind: 'admitted', helloBytes: hello.kind === 'hello' ? hello.length : 0 };
}

/** Checks the ClientHello that follows a HelloRetryRequest: a server may believe it rather than the first one. */
export async function checkSecondHello(client: Socket, target: Target, timeoutMs: number): Promise<FirstBytes> {
  const bytes = await readUntilDecided(client, timeoutMs, readSecondHello);
  if (bytes.length === 0) return { kind: 'closed' };
  client.unshift(bytes);
  const hello = readSecondHello(bytes);
  const refusal = refuseHello(target, hello);
  return refusal === undefined
    ? { kind: 'admitted', helloBytes: hello.kind === 'hello' ? hello.length : 0 }
    : { kind: 'refused', refusal };
}

/** Ends a client that is refused, so that it reports a TLS error rather than a lost connection. */
export function denyTls(client: Socket): void {
  client.end(accessDenied);
  client.resume();
}

/** @param bytes up to the end of the ClientHello, or all that the client sends */
export function refuseFirstBytes(target: Target, bytes: Buffer): Refusal | undefined {
  const hello = readClientHello(bytes);
  return hello.kind === 'not-tls' && target.port !== tlsPort ? undefined : refuseHello(target, hello);
}

function refuseHello(target: Target, hello: HelloResult): Refusal | undefined {
  const remedy = 'Use TLS with the name of the host that the proxy was asked for.';
  if (hello.kind === 'not-tls' || hello.kind === 'incomplete')
    return { code: 'not-tls', reason: `only TLS may use port ${tlsPort}`, remedy };
  if (hello.kind === 'invalid') return { code: 'not-understood', reason: `TLS is invalid: ${hello.reason}`, remedy };
  return refuseServerName(target, hello.serverName, remedy);
}

function refuseServerName({ host }: Target, serverName: string | undefined, remedy: string): Refusal | undefined {
  if (serverName === undefined) {
    // A client that connects to an address has no name to send.
    if (host.kind === 'address') return undefined;
    return { code: 'no-server-name', reason: 'TLS names no server (SNI)', remedy };
  }
  const named = parseHost(serverName);
  if (named?.text === host.text) return undefined;
  return { code: 'other-server-name', reason: 'TLS names another server (SNI)', remedy };
}

function readUntilDecided(client: Socket, timeoutMs: number, read: (bytes: Buffer) => HelloResult): Promise<Buffer> {
  let bytes: Buffer = Buffer.alloc(0);
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const finish = () => resolve(bytes);
  const isDecided = (result: HelloResult) => result.kind !== 'incomplete';
  const onReadable = () => {
    bytes = Buffer.concat([bytes, readAvailable(client)]);
    if (bytes.length > 0 && isDecided(read(bytes))) finish();
  };
  const timer = setTimeout(finish, timeoutMs);
  client.on('readable', onReadable).once('end', finish).once('close', finish);
  onReadable();
  return promise.finally(() => {
    clearTimeout(timer);
    client.off('readable', onReadable).off('end', finish).off('close', finish);
  });
}

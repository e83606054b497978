/** Ends the TLS of a client in a tunnel to an intercepted host, and begins that to the host. */
import type { Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { errorCode } from '../../lib/errors.ts';
import { type ConnectOptions, connected, UnreachableError } from '../connected.ts';
import { checkFirstBytes, denyTls } from '../first-bytes.ts';
import type { Target } from '../host-name.ts';
import type { ProxyDeps } from '../tunnel.ts';
import type { Broker } from './broker.ts';

const alpn = ['http/1.1'];

/** Resolves with the client's side without its TLS. Undefined if it is refused, or fails. */
export async function endTls(
  client: Socket,
  target: Target,
  broker: Broker,
  { recorder, limits }: ProxyDeps,
): Promise<TLSSocket | undefined> {
  const first = await checkFirstBytes(client, target, limits.headerMs);
  if (first.kind === 'refused') {
    recorder.refuse({ host: target.host.text, port: target.port }, first.refusal);
    denyTls(client);
  }
  if (first.kind === 'closed') client.destroy();
  if (first.kind !== 'admitted') return undefined;
  const secure = new TLSSocket(client, { isServer: true, secureContext: broker.identity, ALPNProtocols: alpn });
  const { promise, resolve } = Promise.withResolvers<TLSSocket | undefined>();
  const timer = setTimeout(() => secure.destroy(), limits.headerMs);
  secure.on('error', (error: unknown) => {
    // In TLS 1.3 a client says so after the handshake.
    if (/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN)$/.test(errorCode(error) ?? ''))
      broker.noteDistrust(target);
    secure.destroy();
  });
  secure.once('secure', () => resolve(secure)).once('close', () => resolve(undefined));
  return await promise.finally(() => clearTimeout(timer));
}

/** TLS over a connection to a host, whose certificate is verified. @throws UnreachableError */
export async function beginTls(
  socket: Socket,
  { host }: Target,
  broker: Broker,
  options: ConnectOptions,
): Promise<TLSSocket> {
  // Without a name to send, an address is compared with the certificate.
  const name = host.kind === 'name' ? { servername: host.text } : { host: host.text };
  const secure = connectTls({ socket, secureContext: broker.trust, ALPNProtocols: alpn, ...name });
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  secure.once('error', (error) => failure.reject(error));
  try {
    await Promise.race([connected(secure, 'secureConnect', options), failure.promise]);
  } catch (error) {
    socket.destroy();
    throw explain(error);
  }
  return secure;
}

const certificateCodes = /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_|HOSTNAME_MISMATCH|INVALID_CA)/;

function explain(error: unknown): unknown {
  const cause = error instanceof UnreachableError ? error.cause : error;
  const code = errorCode(cause) ?? '';
  if (!certificateCodes.test(code)) return new UnreachableError(`TLS failed (${code || 'unknown reason'})`, { cause });
  return new UnreachableError(
    `its certificate is not valid (${code}). If it has a private authority, let the machine of the runner trust it, or set network.ca_file`,
    { cause },
  );
}

/** A proxy between this machine and the internet. Its credentials stay in this process. */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext } from 'node:tls';
import { contextWithSystem } from '../lib/authorities.ts';
import { readText } from '../lib/read-file.ts';
import { readAvailable } from './available.ts';
import { type ConnectOptions, connected, keepAliveMs, UnreachableError } from './connected.ts';
import { showTarget, type Target } from './host-name.ts';
import { contains, parseBlock } from './ip-address.ts';
import type { FrontProxy } from './policy.ts';

/** As curl does: a name stands for itself and all below it, with or without a dot before it. */
export function isDirect({ direct }: Pick<FrontProxy, 'direct'>, { host, port }: Target): boolean {
  return direct.some((entry) => {
    const text = entry.trim().toLowerCase();
    if (text === '*') return true;
    const [, withoutPort = text, entryPort] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(text) ?? [];
    if (entryPort !== undefined && Number(entryPort) !== port) return false;
    const block = parseBlock(withoutPort.replaceAll(/[[\]]/g, ''));
    if (host.kind === 'address') return block !== undefined && contains(block, host.address);
    const name = withoutPort.replace(/^\*?\./, '');
    return name !== '' && (host.text === name || host.text.endsWith(`.${name}`));
  });
}

/** The value of `Proxy-Authorization`; undefined without credentials. */
export function proxyAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

const maxResponseBytes = 16 * 1024;

/** Opens a tunnel through the proxy. @throws UnreachableError */
export async function openThroughProxy(
  { url, caFile }: { url: URL; caFile: string | undefined },
  target: Target,
  options: ConnectOptions,
): Promise<Socket> {
  const socket = await connectToProxy(url, caFile, options);
  const name = showTarget(target);
  const authorization = proxyAuthorization(url);
  const lines = [
    `CONNECT ${name} HTTP/1.1`,
    `Host: ${name}`,
    ...(authorization === undefined ? [] : [`Proxy-Authorization: ${authorization}`]),
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  const status = await readStatus(socket, options).catch((error: unknown) => {
    socket.destroy();
    throw error;
  });
  if (status >= 200 && status < 300) return socket;
  socket.destroy();
  const why = status === 407 ? ', because it wants other credentials' : '';
  throw new UnreachableError(`the proxy in front of the runner refused with status ${status}${why}`);
}

const contexts = new Map<string | undefined, SecureContext>();

async function contextOf(caFile: string | undefined): Promise<SecureContext> {
  const known = contexts.get(caFile);
  if (known !== undefined) return known;
  const context = contextWithSystem(caFile === undefined ? [] : [await readText(caFile)]);
  contexts.set(caFile, context);
  return context;
}

/** A connection to the proxy itself. @throws UnreachableError */
export async function connectToProxy(url: URL, caFile: string | undefined, options: ConnectOptions): Promise<Socket> {
  const host = url.hostname.replaceAll(/[[\]]/g, '');
  const isTls = url.protocol === 'https:';
  const common = {
    host,
    port: Number(url.port) || (isTls ? 443 : 80),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    allowHalfOpen: true,
  };
  // An address is no server name. It is compared with the certificate all the same.
  const name = isIP(host) === 0 ? { servername: host } : {};
  const socket = isTls ? connectTls({ ...common, secureContext: await contextOf(caFile), ...name }) : connect(common);
  try {
    await connected(socket, isTls ? 'secureConnect' : 'connect', options);
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    throw new UnreachableError(`the proxy in front of the runner: ${error.message}`, { cause: error });
  }
  return socket;
}

/** Reads the header of the response to CONNECT. What follows it stays in the socket. */
async function readStatus(socket: Socket, { timeoutMs, signal }: ConnectOptions): Promise<number> {
  let received: Buffer = Buffer.alloc(0);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const fail = () => reject(new UnreachableError('the proxy in front of the runner closed the connection'));
  const timer = setTimeout(fail, timeoutMs);
  const onReadable = () => {
    received = Buffer.concat([received, readAvailable(socket)]);
    const end = received.indexOf('\r\n\r\n');
    if (end < 0 && received.length > maxResponseBytes) fail();
    if (end < 0) return;
    socket.off('readable', onReadable);
    const rest = received.subarray(end + 4);
    if (rest.length > 0) socket.unshift(rest);
    resolve(Number(/^HTTP\/1\.[01] (\d{3})/.exec(received.toString('latin1', 0, end))?.[1] ?? 502));
  };
  socket.on('readable', onReadable).once('end', fail).once('close', fail);
  signal.addEventListener('abort', fail);
  return await promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', fail);
    socket.off('readable', onReadable).off('end', fail).off('close', fail);
  });
}

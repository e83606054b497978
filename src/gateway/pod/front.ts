/**
 * The port of a gateway in a pod. Each connection begins with a byte that says what it is for, and the token of the job's pod: other
 * pods of the cluster may reach the port, where a policy for it is not enforced.
 */
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

interface FrontOptions {
  port: number;
  token: Uint8Array;
  /** Takes a connection whose client is the job's pod. */
  accept: (socket: Socket) => void;
  /** Resolves with addresses that the job's pod must not reach, encoded. */
  findTargets: () => Promise<Uint8Array>;
  /** Takes the connection on which the job's pod gets what its limits require. Absent if the gateway holds none. */
  acceptLimits?: (socket: Socket) => void;
  /** For tests. */
  greetingMs?: number;
}

const [forward, targets, limits] = [0x46, 0x54, 0x4c];
/** Connections that have not shown the token. */
const maxStrangers = 500;

/** Resolves when it listens. */
export async function openFront({
  port,
  token,
  accept,
  findTargets,
  acceptLimits,
  greetingMs = 10_000,
}: FrontOptions): Promise<AsyncDisposable & { port: number }> {
  let strangers = 0;
  const open = new Set<Socket>();

  function greet(socket: Socket, greeting: Buffer): void {
    const [kind] = greeting;
    if (!timingSafeEqual(greeting.subarray(1), token)) socket.destroy();
    else if (kind === forward) {
      accept(socket);
      socket.resume();
    } else if (kind === targets) {
      findTargets().then(
        (bytes) => socket.end(bytes),
        () => socket.destroy(),
      );
      socket.resume();
    } else if (kind === limits && acceptLimits !== undefined) {
      acceptLimits(socket);
      socket.resume();
    } else socket.destroy();
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (strangers >= maxStrangers) return void socket.destroy();
    strangers += 1;
    readGreeting(socket, { bytes: 1 + token.length, timeoutMs: greetingMs }, (greeting) => {
      strangers -= 1;
      if (greeting !== undefined) greet(socket, greeting);
    });
  });
  server.listen({ port, backlog: 4096 });
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Calls back once, with the first bytes of the socket, which is paused then, or undefined if it has been closed. */
function readGreeting(
  socket: Socket,
  { bytes, timeoutMs }: { bytes: number; timeoutMs: number },
  done: (greeting: Buffer | undefined) => void,
): void {
  let read: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  const finish = (greeting?: Buffer) => {
    clearTimeout(timer);
    socket.off('data', onData).off('end', onEnd).off('close', onClose);
    done(greeting);
  };
  const onEnd = () => socket.destroy();
  const onClose = () => finish();
  const onData = (chunk: Buffer) => {
    read = Buffer.concat([read, chunk]);
    if (read.length < bytes) return;
    socket.pause();
    if (read.length > bytes) socket.unshift(read.subarray(bytes));
    finish(read.subarray(0, bytes));
  };
  socket.on('data', onData).on('end', onEnd).on('close', onClose);
}

/** Sockets that are read into one buffer each. Node.js otherwise allocates a new one for every 64 KiB. */
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';

/** One for each connection. Pages that no read has filled take no memory. */
const blockBytes = 256 * 1024;

interface Receiver {
  target?: Socket;
  see?: See | undefined;
}

/** Sees what passes, until it returns false. */
export type See = (chunk: Buffer) => boolean;

const receivers = new WeakMap<Socket, Receiver>();

/** Connects a socket that can only be passed on, by {@link passOn}. Nothing of it is read before. */
export function connectInBlocks(options: TcpNetConnectOpts): Socket {
  const buffer = Buffer.allocUnsafeSlow(blockBytes);
  const receiver: Receiver = {};
  let isWaiting = false;
  const onWritten = () => {
    if (isWaiting) socket.resume();
    isWaiting = false;
  };
  const callback = (count: number) => {
    const { target } = receiver;
    const chunk = buffer.subarray(0, count);
    if (receiver.see?.(chunk) === false) receiver.see = undefined;
    target?.write(chunk, onWritten);
    // The system did not take all at once. The rest is still in the buffer, so nothing may be read into it.
    isWaiting = target !== undefined && target.writableLength > 0;
    return !isWaiting;
  };
  const socket = connect({ ...options, onread: { buffer, callback } });
  socket.pause();
  receivers.set(socket, receiver);
  return socket;
}

/** Writes all that comes from a socket into another one, and ends that after it. The slower one slows the faster one. */
export function passOn(source: Socket, target: Socket, see?: See): void {
  const receiver = receivers.get(source);
  if (receiver === undefined) {
    const onData = (chunk: Buffer) => {
      if (see?.(chunk) === false) source.off('data', onData);
    };
    if (see !== undefined) source.on('data', onData);
    source.pipe(target);
    return;
  }
  receiver.target = target;
  receiver.see = see;
  source.once('end', () => target.end()).resume();
}

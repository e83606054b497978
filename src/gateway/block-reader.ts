/** Sockets that are read into one buffer each. Node.js otherwise allocates one for every 64 KiB, which costs more than to copy them. */
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';

/** Of one connection. Pages that no read has filled take no memory. */
const blockBytes = 256 * 1024;

const receivers = new WeakMap<Socket, { target: Socket | undefined }>();

/** Connects a socket that can only be passed on, by {@link passOn}. Nothing of it is read before. */
export function connectInBlocks(options: TcpNetConnectOpts): Socket {
  const buffer = Buffer.allocUnsafeSlow(blockBytes);
  const receiver: { target: Socket | undefined } = { target: undefined };
  let isWaiting = false;
  const onWritten = () => {
    if (isWaiting) socket.resume();
    isWaiting = false;
  };
  const callback = (count: number) => {
    const { target } = receiver;
    target?.write(buffer.subarray(0, count), onWritten);
    // What the system did not take at once stays in the buffer, so that nothing may be read into it.
    isWaiting = target !== undefined && target.writableLength > 0;
    return !isWaiting;
  };
  const socket = connect({ ...options, onread: { buffer, callback } });
  socket.pause();
  receivers.set(socket, receiver);
  return socket;
}

/** Writes all that comes from a socket into another one, and ends that after it. The slower one slows the faster one. */
export function passOn(source: Socket, target: Socket): void {
  const receiver = receivers.get(source);
  if (receiver === undefined) {
    source.pipe(target);
    return;
  }
  receiver.target = target;
  source.once('end', () => target.end()).resume();
}

/** Sockets that are read into one buffer each. Node.js otherwise allocates a new one for every 64 KiB. */
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';

/** One for each connection. Pages that no read has filled take no memory. */
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
export function passOn(source: Socket, target: Socket): void {
  const receiver = receivers.get(source);
  if (receiver === undefined) {
    source.pipe(target);
    return;
  }
  receiver.target = target;
  source.once('end', () => target.end()).resume();
}

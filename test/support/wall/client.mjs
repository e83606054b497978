/** Uses the forwarder from inside the network of a container, and prints what it saw as JSON. Argument: the use. */
import { once } from 'node:events';
import { connect } from 'node:net';

const use = process.argv[2];
const open = async () => {
  const socket = connect({ host: '127.0.0.1', port: 7043, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
};
const readAll = async (socket) => {
  const blocks = [];
  for await (const block of socket) blocks.push(block);
  return Buffer.concat(blocks);
};

const uses = {
  /** Ends its half first, and reads the response to that. */
  async 'half-close'() {
    const socket = await open();
    socket.end('question');
    return { answer: (await readAll(socket)).toString() };
  },
  /** Writes to a gateway that reads nothing: the connection must fill up. */
  async 'back-pressure'() {
    const socket = await open();
    let written = 0;
    const block = Buffer.alloc(65536);
    const isFull = () => new Promise((resolve) => setTimeout(resolve, 700, true));
    for (;;) {
      const drained = new Promise((resolve) => socket.write(block, () => resolve(false)));
      if (await Promise.race([drained, isFull()])) break;
      written += block.length;
    }
    socket.destroy();
    return { written };
  },
  /** All are open before the first one is closed, as far as the forwarder may open files; the others wait for their turn. */
  async many() {
    const count = Number(process.argv[3]);
    let right = 0;
    const one = async (_, index) => {
      const socket = await open();
      socket.write(String(index));
      const [data] = await once(socket, 'data');
      if (data.toString() === String(index)) right += 1;
      return socket;
    };
    const begun = Array.from({ length: count }, one);
    await Promise.all(
      begun.map(async (each, index) => {
        const socket = await each;
        if (index > count / 2) await begun[index - Math.floor(count / 2) - 1];
        socket.destroy();
      }),
    );
    return { right };
  },
  async large() {
    const socket = await open();
    const size = 64 << 20;
    const block = Buffer.alloc(1 << 20, 'x');
    const received = readAll(socket);
    for (let sent = 0; sent < size; sent += block.length) {
      if (!socket.write(block)) await once(socket, 'drain');
    }
    socket.end();
    return { received: (await received).length };
  },
  /** Connects, is closed by the other side, and reports how. */
  async reset() {
    const socket = await open();
    socket.write('x');
    const [outcome] = await Promise.race([
      once(socket, 'error').catch((error) => [error]),
      once(socket, 'end').then(() => ['end']),
    ]);
    return { outcome: outcome.code ?? outcome };
  },
};

console.log(JSON.stringify(await uses[use]()));
process.exit();

// usage: transfer.mjs serve PORT
//        transfer.mjs download|upload HOST PORT BYTES [PROXY_PORT]   prints MiB a second, and the
//        milliseconds of the processor that the forwarder used, if there is one
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';

const block = Buffer.alloc(256 * 1024, 'x');
const [mode, ...args] = process.argv.slice(2);

if (mode === 'serve') {
  // The first line is what the client wants: that many bytes, or to send until it ends its side.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket
      .on('error', () => {})
      .once('data', (line) => {
        const count = Number(String(line));
        if (count > 0) return void send(socket, count);
        socket.on('end', () => socket.end('done')).resume();
      });
  });
  server.listen(Number(args[0]), () => console.log('ready'));
} else {
  const [host, port, bytes, proxyPort] = [args[0], ...args.slice(1).map(Number)];
  const socket = connect(
    proxyPort === undefined
      ? { host, port, allowHalfOpen: true }
      : { host: '127.0.0.1', port: proxyPort, allowHalfOpen: true },
  );
  if (proxyPort !== undefined) {
    socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
    const [header] = await once(socket, 'data');
    if (!header.includes(' 200 ')) throw new Error(String(header));
  } else await once(socket, 'connect');
  let received = 0;
  socket.on('data', (chunk) => (received += chunk.length));
  const start = performance.now();
  if (mode === 'upload') {
    socket.write('0');
    // A chunk of its own.
    await new Promise((resolve) => setTimeout(resolve, 20));
    void send(socket, bytes);
  } else socket.write(String(bytes));
  await once(socket, 'end');
  if (mode === 'download' && received !== bytes) throw new Error(`${received} bytes`);
  if (mode === 'upload' && received !== 4) throw new Error('no response');
  const rate = bytes / 2 ** 20 / ((performance.now() - start) / 1000);
  console.log(rate, proxyPort === undefined ? 0 : forwarderMs());
  socket.destroy();
}

function forwarderMs() {
  const stats = readdirSync('/proc').flatMap((pid) =>
    /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : [],
  );
  const [, , ...times] = stats
    .find((stat) => stat.includes('(plan42-forward)'))
    .replace(/.*\) /s, '')
    .split(' ')
    .slice(9);
  return (Number(times[0]) + Number(times[1])) * 10;
}

async function send(socket, count) {
  for (let sent = 0; sent < count; sent += block.length) if (!socket.write(block)) await once(socket, 'drain');
  socket.end();
}

/**
 * Serves the folders of the hosts with TLS on port 443, and without on port 80, and git's repositories on github.com. Argument: the
 * folder, which contains `www`, `git` and the certificate. Prints a line once it listens, and one for each request.
 */
import { once } from 'node:events';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse, request as sendRequest } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { extname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { startGitServer } from '../git-server.ts';

const [folder = ''] = process.argv.slice(2);
const git = await startGitServer(join(folder, 'git'));
await git.create('acme/app');
await git.commit('acme/app', { 'README.md': 'An app\n' });

const types: Record<string, string> = { '.html': 'text/html', '.json': 'application/json', '.txt': 'text/plain' };

function serve(request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '', headers } = request;
  const host = headers.host ?? '';
  const { pathname } = new URL(url, `http://${host}`);
  process.stdout.write(`${method} ${host}${pathname}\n`);
  if (pathname.endsWith('/info/lfs/objects/batch')) void offerObjects(request, response);
  else if (host === lfsHost) transferObject(request, pathname, response);
  else if (pathname.includes('.git/')) passOn(request, response);
  else if (method === 'PUT') count(request, response);
  else sendFile(host, pathname, response);
}

/** The contents of files of Git LFS, which GitHub keeps on another host. */
const lfsHost = 'github-cloud.s3.amazonaws.com';
const lfsObjects = new Map<string, Buffer>();

interface LfsBatch {
  operation: 'upload' | 'download';
  objects: { oid: string; size: number }[];
}

async function offerObjects(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { operation, objects } = JSON.parse(String(await buffer(request))) as LfsBatch;
  const offered = objects.map(({ oid, size }) => ({
    oid,
    size,
    actions: { [operation]: { href: `https://${lfsHost}/${oid}` } },
  }));
  response.setHeader('content-type', 'application/vnd.git-lfs+json');
  response.end(JSON.stringify({ transfer: 'basic', objects: offered }));
}

function transferObject(request: IncomingMessage, pathname: string, response: ServerResponse): void {
  if (request.method === 'GET') response.end(lfsObjects.get(pathname));
  else
    void buffer(request).then((content) => {
      lfsObjects.set(pathname, content);
      response.end();
    });
}

function sendFile(host: string, pathname: string, response: ServerResponse): void {
  const path = [pathname, join(pathname, 'index.html'), join(pathname, 'index.json')]
    .map((name) => join(folder, 'www', host, decodeURIComponent(name)))
    .find((name) => statSync(name, { throwIfNoEntry: false })?.isFile());
  if (path === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream');
  createReadStream(path).pipe(response);
}

/** Responds with the number of bytes of the body, once it is complete. */
function count(request: IncomingMessage, response: ServerResponse): void {
  let length = 0;
  request.on('data', (chunk: Buffer) => (length += chunk.length));
  request.on('end', () => response.end(`${length} bytes\n`));
}

function passOn(request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = request;
  const passed = sendRequest(`${git.url}${url}`, { method: method ?? 'GET', headers }, (incoming) => {
    response.writeHead(incoming.statusCode ?? 502, incoming.headers);
    incoming.pipe(response);
  });
  request.pipe(passed).on('error', (error) => response.destroy(error));
}

const read = (name: string) => readFileSync(join(folder, name));
const tls = createTlsServer({ cert: read('server.pem'), key: read('server.key') }, serve);
const plain = createServer(serve);
await Promise.all([once(tls.listen(443), 'listening'), once(plain.listen(80), 'listening')]);
process.stdout.write('listening\n');

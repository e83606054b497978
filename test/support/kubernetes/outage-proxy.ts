/** An HTTP proxy in front of an API server that lets it fail in each way. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as forward } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** `hang` accepts and swallows everything, also on open connections; `cut` ends each response after some bytes. */
export type Outage = 'none' | 'refuse' | 'reset' | 'hang' | 'cut' | 410 | 429 | 500;

const cutAfterBytes = 700;
const messages = { 410: 'too old resource version', 429: 'too many requests', 500: 'etcdserver: leader changed' };

interface Account {
  clusters: [{ name: string; cluster: { server: string; 'certificate-authority-data': string } }];
}

/** A request on its way to the API server, or its response on the way back. */
export interface PassingRequest {
  method: string;
  path: string;
  isDone: boolean;
}

export class OutageProxy implements AsyncDisposable {
  /** Sees each request before the API server and each response before the runner. Returns true to hold it until the end. */
  holds: (passing: PassingRequest) => boolean = () => false;
  /** How many requests were forwarded, by method and kind of object: `POST jobs`. */
  readonly counts = new Map<string, number>();
  readonly #account: Account;
  readonly #target: URL;
  readonly #ca: string;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => this.#serve(request, response));
  #port = 0;
  #outage: Outage = 'none';

  private constructor(account: Account) {
    this.#account = account;
    const { server, 'certificate-authority-data': ca } = account.clusters[0].cluster;
    this.#target = new URL(server);
    this.#ca = Buffer.from(ca, 'base64').toString();
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** @param kubeconfig the file of a `RunnerAccount` */
  static async start(kubeconfig: string): Promise<OutageProxy> {
    const proxy = new OutageProxy(JSON.parse(await readFile(kubeconfig, 'utf8')) as Account);
    await proxy.#listen();
    return proxy;
  }

  /** The text of the account's kubeconfig, through the proxy. */
  get kubeconfig(): string {
    const [{ name }] = this.#account.clusters;
    const cluster = { server: `http://127.0.0.1:${this.#port}`, 'insecure-skip-tls-verify': true };
    return JSON.stringify({ ...this.#account, clusters: [{ name, cluster }] });
  }

  /** Begins an outage, or ends it with `none`. Connections that hang stay open, and silent, after its end. */
  async begin(outage: Outage): Promise<void> {
    const before = this.#outage;
    this.#outage = outage;
    if (outage === 'refuse') {
      this.#server.close();
      this.#destroySockets();
      if (this.#server.listening) await once(this.#server, 'close');
    } else if (before === 'refuse') await this.#listen();
    if (outage === 'reset') for (const socket of this.#sockets) socket.resetAndDestroy();
    else if (outage !== 'none' && outage !== 'hang') this.#destroySockets();
    else if (outage === 'hang') for (const socket of this.#sockets) swallow(socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#outage = 'reset';
    this.#destroySockets();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #listen(): Promise<void> {
    await once(this.#server.listen(this.#port, '127.0.0.1'), 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #destroySockets(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const outage = this.#outage;
    if (outage === 'reset') request.socket.resetAndDestroy();
    else if (outage === 'hang') swallow(request.socket);
    else if (typeof outage === 'number' && (outage !== 410 || isList(request))) {
      const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: messages[outage], code: outage };
      response.writeHead(outage, { 'content-type': 'application/json', ...(outage === 429 && { 'retry-after': '1' }) });
      response.end(JSON.stringify(body));
    } else this.#forward(request, response, outage === 'cut');
  }

  #forward(request: IncomingMessage, response: ServerResponse, isCut: boolean): void {
    const { method = 'GET', headers, url = '/' } = request;
    const [path = ''] = url.split('?');
    if (this.holds({ method, path, isDone: false })) return;
    this.#count(method, url);
    const options = { method, headers: { ...headers, host: this.#target.host }, ca: this.#ca };
    const onward = forward(new URL(url, this.#target), options, (answer) => {
      if (this.holds({ method, path, isDone: true })) {
        answer.destroy();
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders();
      let sent = 0;
      answer.on('data', (chunk: Buffer) => {
        response.write(isCut ? chunk.subarray(0, cutAfterBytes - sent) : chunk);
        sent += chunk.length;
        if (isCut && sent >= cutAfterBytes) response.socket?.end();
      });
      answer.once('end', () => response.end());
      answer.once('error', () => response.destroy());
    });
    onward.once('error', () => response.destroy());
    response.once('close', () => onward.destroy());
    request.pipe(onward);
  }

  #count(method: string, url: string): void {
    const { pathname, searchParams } = new URL(url, this.#target);
    const kind = /\/namespaces\/[^/]+\/(?<resource>[^/]+)(?:\/[^/]+(?<part>\/[^/]+)?)?$/.exec(pathname)?.groups;
    const what = kind ? `${kind['resource']}${kind['part'] ?? ''}` : pathname;
    const name = `${searchParams.get('watch') === 'true' ? 'WATCH' : method} ${what}`;
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}

/** Lists and watches, which alone can be too old. */
function isList({ method, url = '' }: IncomingMessage): boolean {
  return method === 'GET' && /\/(jobs|pods|events)(\?|$)/.test(url);
}

/** Leaves the connection open: what either side writes is lost. */
function swallow(socket: Socket): void {
  socket.pause();
  socket.write = () => true;
}

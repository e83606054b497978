/** A proxy in front of an API server that lets it fail in each way, with HTTP/2 as the server itself or with HTTP/1.1. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { request as forward } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tlsPair } from '../tls-pair.ts';

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

/** Of either protocol: responses of HTTP/2 have a stream. */
type Response = ServerResponse & { stream?: ServerHttp2Stream };

/** Headers of one connection, which HTTP/2 does not allow. */
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding']);

export class OutageProxy implements AsyncDisposable {
  /** Sees each request before the API server and each response before the runner. Returns true to hold it until the end. */
  holds: (passing: PassingRequest) => boolean = () => false;
  /** Awaited before each request is forwarded. */
  before: (request: Pick<PassingRequest, 'method' | 'path'>) => Promise<void> = async () => {};
  /** How many requests were forwarded, by method and kind of object: `POST jobs`. */
  readonly counts = new Map<string, number>();
  readonly #account: Account;
  readonly #target: URL;
  readonly #ca: string;
  readonly #sockets = new Set<Socket>();
  /** Connections of the runner. They are passed on to `#behind`, which knows their protocol. */
  readonly #server = createServer((socket) => this.#accept(socket));
  readonly #behind = createSecureServer({ ...tlsPair, allowHTTP1: true, ALPNCallback: () => this.#protocol }, ((
    request: IncomingMessage,
    response: Response,
  ) => this.#serve(request, response)) as never);
  #protocol: 'h2' | 'http/1.1' = 'h2';
  #port = 0;
  #outage: Outage = 'none';

  private constructor(account: Account) {
    this.#account = account;
    const { server, 'certificate-authority-data': ca } = account.clusters[0].cluster;
    this.#target = new URL(server);
    this.#ca = Buffer.from(ca, 'base64').toString();
  }

  /** @param kubeconfig the file of a `RunnerAccount` */
  static async start(kubeconfig: string): Promise<OutageProxy> {
    const proxy = new OutageProxy(JSON.parse(await readFile(kubeconfig, 'utf8')) as Account);
    await listen(proxy.#behind, 0);
    await proxy.#listen();
    return proxy;
  }

  /** Ends all connections. The next ones have this protocol. Default: HTTP/2. */
  speak(protocol: 'HTTP/2' | 'HTTP/1.1'): void {
    this.#protocol = protocol === 'HTTP/2' ? 'h2' : 'http/1.1';
    this.#destroySockets();
  }

  /** The text of the account's kubeconfig, through the proxy. */
  get kubeconfig(): string {
    const [{ name }] = this.#account.clusters;
    const authority = Buffer.from(tlsPair.cert).toString('base64');
    const cluster = { server: `https://127.0.0.1:${this.#port}`, 'certificate-authority-data': authority };
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
    for (const server of [this.#server, this.#behind]) {
      if (!server.listening) continue;
      server.close();
      await once(server, 'close');
    }
  }

  async #listen(): Promise<void> {
    this.#port = await listen(this.#server, this.#port);
  }

  #destroySockets(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    if (this.#outage === 'reset') {
      socket.resetAndDestroy();
      return;
    }
    const behind = connect((this.#behind.address() as AddressInfo).port, '127.0.0.1');
    this.#sockets.add(socket);
    for (const [from, to] of [
      [socket, behind],
      [behind, socket],
    ] as const) {
      from.pipe(to);
      from.once('error', () => {});
      from.once('close', () => {
        to.destroy();
        this.#sockets.delete(socket);
      });
    }
    if (this.#outage === 'hang') swallow(socket);
  }

  #serve(request: IncomingMessage, response: Response): void {
    const outage = this.#outage;
    if (typeof outage === 'number' && (outage !== 410 || isList(request))) {
      const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: messages[outage], code: outage };
      response.writeHead(outage, { 'content-type': 'application/json', ...(outage === 429 && { 'retry-after': '1' }) });
      response.end(JSON.stringify(body));
    } else {
      const [path = ''] = (request.url ?? '/').split('?');
      void this.before({ method: request.method ?? 'GET', path }).then(
        () => this.#forward(request, response, outage === 'cut'),
        () => response.destroy(),
      );
    }
  }

  #forward(request: IncomingMessage, response: Response, isCut: boolean): void {
    const { method = 'GET', headers, url = '/' } = request;
    const [path = ''] = url.split('?');
    if (this.holds({ method, path, isDone: false })) return;
    this.#count(method, url);
    const options = { method, headers: { ...withoutHopByHop(headers), host: this.#target.host }, ca: this.#ca };
    const onward = forward(new URL(url, this.#target), options, (answer) => {
      if (this.holds({ method, path, isDone: true })) {
        answer.destroy();
        return;
      }
      response.writeHead(answer.statusCode ?? 502, withoutHopByHop(answer.headers)).flushHeaders();
      let sent = 0;
      answer.on('data', (chunk: Buffer) => {
        response.write(isCut ? chunk.subarray(0, cutAfterBytes - sent) : chunk);
        sent += chunk.length;
        if (isCut && sent >= cutAfterBytes) cut(response);
      });
      answer.once('end', () => response.end());
      answer.once('error', () => fail(response));
    });
    onward.once('error', () => fail(response));
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
  socket.unpipe().pause();
  socket.write = () => true;
}

/** Ends the connection in the middle of a response. */
function cut(response: Response): void {
  if (response.stream) response.stream.session?.destroy();
  else response.socket?.end();
}

function fail(response: Response): void {
  if (response.stream) response.stream.destroy();
  else response.destroy();
}

function withoutHopByHop(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  const isKept = ([name]: [string, unknown]) => !name.startsWith(':') && !hopByHop.has(name);
  return Object.fromEntries(Object.entries(headers).filter(isKept));
}

async function listen(server: Pick<Server, 'listen' | 'address'> & NodeJS.EventEmitter, port: number): Promise<number> {
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

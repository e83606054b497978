/** An HTTP server that lets a guard review each request, and passes on what the guard lets pass. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Ask, Guard, Refused } from '../../src/gateway/intercept/hooks.ts';

export interface GuardedServer extends AsyncDisposable {
  url: string;
  refusals: Refused[];
  /** Requests of the guard's own. */
  questions: string[];
  /** The host that the guard takes the next requests for. */
  host: string;
}

export async function startGuardedServer(target: string, guard: Guard, host: string): Promise<GuardedServer> {
  const http = createServer((request, response) => {
    serve(request, response).catch((error: Error) => response.destroy(error));
  });
  async function serve(request: IncomingMessage, response: ServerResponse) {
    const { method = '', url = '', rawHeaders, headers } = request;
    const ask: Ask = async (question) => {
      server.questions.push(`${question.method} ${question.path}`);
      const own = new Map<string, string>();
      for (let n = 0; n < question.headers.length; n += 2)
        own.set(question.headers[n] ?? '', question.headers[n + 1] ?? '');
      const answer = await fetch(target + question.path, {
        method: question.method,
        headers: { ...Object.fromEntries(own), authorization: headers.authorization ?? '' },
        ...(question.body !== undefined && { body: question.body }),
      });
      return {
        status: answer.status,
        rawHeaders: [...answer.headers].flat(),
        body: new Uint8Array(await answer.arrayBuffer()),
      };
    };
    const body = { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) };
    const verdict = await guard.review({ method, host: server.host, port: 443, path: url, rawHeaders, body }, ask);
    if (verdict.kind === 'respond') {
      if (verdict.refused !== undefined) server.refusals.push(verdict.refused);
      response.writeHead(verdict.status, [...verdict.headers]).end(verdict.body);
      return;
    }
    const length = verdict.bodyLength === undefined ? {} : { 'content-length': String(verdict.bodyLength) };
    const upstream = sendRequest(target + url, { method, headers: { ...headers, ...length } });
    const answered = once(upstream, 'response') as Promise<[IncomingMessage]>;
    const sent = pipeline(verdict.body ?? body, upstream);
    const [answer] = await answered;
    response.writeHead(answer.statusCode ?? 500, answer.rawHeaders);
    await pipeline(answer, response);
    await sent;
  }
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const server: GuardedServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    refusals: [],
    questions: [],
    host,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
  return server;
}

/** Sends a request whose path no client would send. */
export async function sendRaw(
  url: string,
  {
    method = 'GET',
    path,
    headers = {},
    body = '',
  }: { method?: string; path: string; headers?: object; body?: string | Uint8Array },
): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> {
  const { hostname, port } = new URL(url);
  const request = sendRequest({ hostname, port, method, path, headers: { ...headers } });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
}

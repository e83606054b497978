/** A server of pod logs that does what API servers, kubelets and networks do at their worst. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { startLine } from '../../../src/runtimes/kubernetes/logs/start-line.ts';

export interface LogServer extends AsyncDisposable {
  url: string;
  /** The output of the agent so far. */
  output(): Buffer;
  /** Adds a line as the container runtime would; without a newline at its end it is a partial one. */
  add(text: string | Buffer, options?: { timeNs?: bigint }): void;
  /** The container exits: streams end. */
  exit(): void;
  /** The kubelet removes what is before this moment. */
  rotate(): void;
  /** Closes all connections without an end of the response. */
  reset(): void;
  /** Streams stay open, and nothing arrives on them any more. New ones work. */
  swallow(): void;
  /** The next requests fail so. */
  failures: ((response: ServerResponse) => void)[];
  /** Whether requests that are not for the log fail too. */
  isAway: boolean;
  requests: URL[];
  /** Appended to each stream that follows, which then ends, as of a kubelet that cannot watch files. */
  endsWith: string | undefined;
}

interface Part {
  timeNs: bigint;
  bytes: Buffer;
}

const newline = 0x0a;

export async function startLogServer({ zone = 'Z' } = {}): Promise<LogServer> {
  const all: Buffer[] = [];
  let isExited = false;
  let wake = Promise.withResolvers<void>();
  const followers = new Set<{ isSwallowed: boolean }>();
  const changed = () => {
    const { resolve } = wake;
    wake = Promise.withResolvers();
    resolve();
  };
  const startNs = BigInt(Date.parse('2026-03-01T12:00:00Z')) * 1_000_000n;
  let newestNs = startNs;
  let parts: Part[] = [{ timeNs: startNs, bytes: startLine }];

  async function sendLog(url: URL, response: ServerResponse): Promise<void> {
    const since = url.searchParams.get('sinceTime');
    const sinceNs = since === null ? 0n : BigInt(Date.parse(since)) * 1_000_000n;
    const isFollowing = url.searchParams.get('follow') === 'true';
    const follower = { isSwallowed: false };
    followers.add(follower);
    // The kubelet finishes the file that it has opened when the file is rotated.
    let seen = parts;
    let next = 0;
    let isLineStart = true;
    response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders();
    while (!response.destroyed) {
      const changes = wake.promise;
      const part = seen[next];
      if (part === undefined && seen !== parts) [seen, next] = [parts, 0];
      else if (part === undefined) {
        if (!isFollowing || isExited) break;
        if (result.endsWith !== undefined) {
          response.write(result.endsWith);
          break;
        }
        await changes;
      } else {
        next += 1;
        const isSent = part.timeNs >= sinceNs;
        const time = isLineStart ? `${format(part.timeNs, zone)} ` : '';
        isLineStart = part.bytes.at(-1) === newline;
        if (!isSent || follower.isSwallowed) continue;
        if (!response.write(Buffer.concat([Buffer.from(time), part.bytes]))) {
          await Promise.race([once(response, 'drain'), once(response, 'close')]);
        }
      }
    }
    followers.delete(follower);
    if (!follower.isSwallowed) response.end();
  }

  const requests: URL[] = [];
  const failures: ((response: ServerResponse) => void)[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://server');
    if (url.pathname === '/exited') return void response.end(String(isExited));
    if (!url.pathname.endsWith('/log')) return void (result.isAway ? response.destroy() : response.end('{}'));
    requests.push(url);
    const fail = failures.shift();
    if (fail) fail(response);
    else void sendLog(url, response);
    return undefined;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const result: LogServer = {
    url: `http://127.0.0.1:${port}`,
    isAway: false,
    output: () => Buffer.concat(all),
    add(text, { timeNs } = {}) {
      const bytes = Buffer.from(text as string);
      newestNs = timeNs ?? newestNs + 1_000_003n;
      parts.push({ timeNs: newestNs, bytes });
      all.push(bytes);
      changed();
    },
    exit() {
      isExited = true;
      changed();
    },
    rotate() {
      parts = [];
    },
    reset: () => {
      server.closeAllConnections();
      changed();
    },
    swallow() {
      for (const follower of followers) follower.isSwallowed = true;
    },
    failures,
    requests,
    endsWith: undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      changed();
      server.close();
      await delay(0);
    },
  };
  return result;
}

function format(ns: bigint, zone: string): string {
  const offsetMs = zone === 'Z' ? 0 : Number(zone.slice(0, 3)) * 3_600_000;
  const local = new Date(Number(ns / 1_000_000n) + offsetMs).toISOString().slice(0, 19);
  return `${local}.${String(ns % 1_000_000_000n).padStart(9, '0')}${zone}`;
}

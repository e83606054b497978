import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../src/lib/logger.ts';
import { type ControlPlane, type ServerOptions, startServer } from '../../src/server/server.ts';
import type { Json } from './json.ts';

export interface Answer {
  status: number;
  headers: Headers;
  body: Json;
}

export interface CallOptions {
  body?: unknown;
  /** The tenant's token by default; null for none. */
  token?: string | null;
  ifMatch?: number;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** A control plane with a directory of its own, and calls with the tenant's token. */
export interface TestControlPlane extends AsyncDisposable {
  server: ControlPlane;
  /** For calls of this machine, if `server.url` is another name. */
  readonly localUrl: string;
  dataDir: string;
  /** The path of the tenant. */
  tenant: string;
  /** The path of the tenant's first runner. */
  runner: string;
  /** `path` is relative to the tenant unless it begins with a slash. */
  call: (method: string, path: string, options?: CallOptions) => Promise<Answer>;
  /** Resolves at the next log line that contains all of `parts`. */
  logged: (...parts: string[]) => Promise<void>;
  newToken: (runnerPath?: string) => Promise<string>;
  newEnvironment: (fields?: object) => Promise<string>;
  newTask: (fields?: object) => Promise<string>;
  /** Restarts the server with the same data. */
  restart: () => Promise<void>;
}

interface Options extends Partial<Pick<ServerOptions, 'clock' | 'timing' | 'retention' | 'publicUrl' | 'tls' | 'env'>> {
  /** Gets every line of the log. */
  onLog?: (line: string) => void;
}

export async function startControlPlane({ onLog, ...options }: Options = {}): Promise<TestControlPlane> {
  const dataDir = await mkdtemp(join(tmpdir(), 'plan42-server-'));
  const waiters = new Set<(line: string) => void>();
  const write = (line: string) => {
    onLog?.(line);
    for (const waiter of waiters) waiter(line);
  };
  const logger = createLogger({ level: 'debug', format: 'text', write });
  // The server has a name for others besides with `publicUrl`.
  let localUrl = '';
  const start = async () => {
    const server = await startServer({ dataDir, listen: { host: '127.0.0.1', port: 0 }, logger, ...options });
    localUrl = JSON.parse(await readFile(join(dataDir, 'admin.json'), 'utf8')).localUrl ?? server.url;
    return server;
  };
  let server = await start();
  const tenant = `/v1/tenants/${server.admin.tenantId}`;
  const runner = `${tenant}/runners/${server.admin.runnerId}`;

  const call = (method: string, path: string, callOptions: CallOptions = {}) =>
    callServer(localUrl, method, path.startsWith('/') ? path : `${tenant}/${path}`, {
      token: server.admin.tenantToken,
      ...callOptions,
    });
  const create = async (path: string, body: object) => {
    const answer = await call('PUT', path, { body });
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${answer.body.Message}`);
    return answer.body;
  };
  const newEnvironment = async (fields = {}) =>
    (await create(`environments/${randomUUID()}`, { Name: 'environment', DockerImage: 'agent', ...fields }))
      .EnvironmentId;

  return {
    get server() {
      return server;
    },
    get localUrl() {
      return localUrl;
    },
    dataDir,
    tenant,
    runner,
    call,
    logged: (...parts) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiter = (line: string) => {
        if (!parts.every((part) => line.includes(part))) return;
        waiters.delete(waiter);
        resolve();
      };
      waiters.add(waiter);
      return promise;
    },
    newToken: async (runnerPath = runner) => (await create(`${runnerPath}/tokens/${randomUUID()}`, {})).Token,
    newEnvironment,
    newTask: async (fields = {}) => {
      const body = { Title: 'title', Prompt: 'prompt', EnvironmentId: await newEnvironment(), ...fields };
      return (await create(`tasks/${randomUUID()}`, body)).TaskId;
    },
    restart: async () => {
      await server[Symbol.asyncDispose]();
      server = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true });
    },
  };
}

/** Makes one call. */
export async function callServer(url: string, method: string, path: string, options: CallOptions): Promise<Answer> {
  const { body, token, ifMatch, headers, signal } = options;
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(token ? { authorization: `APIToken ${token}` } : {}),
      ...(ifMatch === undefined ? {} : { 'if-match': String(ifMatch) }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  return { status: response.status, headers: response.headers, body: isJson && text !== '' ? JSON.parse(text) : text };
}

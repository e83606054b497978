/** A real git server on loopback: `git http-backend` behind HTTP, with an API beside it if there is one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { run } from './engines/processes.ts';
import type { Answerer } from './http-server.ts';

export interface GitServer extends AsyncDisposable {
  url: string;
  /** Contains `org/repo.git`. */
  folder: string;
  /** The password that clones and pushes need. Undefined for none. */
  password: string | undefined;
  /** Bytes of all responses of git. */
  sentBytes: number;
  /** Passwords that were sent. */
  passwords: Set<string>;
  /** For requests of git, by path: responds itself if it returns true. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Creates an empty bare repository, and returns its folder. */
  create: (name: string) => Promise<string>;
  /** Commits files to a branch, as another person, and returns the commit. */
  commit: (
    name: string,
    files: Record<string, string>,
    options?: { branch?: string; message?: string },
  ) => Promise<string>;
  /** Runs git in a repository. */
  git: (name: string, ...args: string[]) => Promise<string>;
}

const author = {
  ...{ GIT_AUTHOR_NAME: 'Ann', GIT_AUTHOR_EMAIL: 'ann@example.com' },
  ...{ GIT_COMMITTER_NAME: 'Ann', GIT_COMMITTER_EMAIL: 'ann@example.com' },
};
const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', ...author };

export async function startGitServer(
  folder: string,
  { password, api, host = '127.0.0.1' }: { password?: string; api?: Answerer; host?: string } = {},
): Promise<GitServer> {
  await mkdir(folder, { recursive: true });
  const http = createServer((request, response) => {
    const isGit = /^\/[^/]+\/[^/]+\.git\//.test(request.url ?? '');
    const done = isGit ? serveGit(server, request, response) : serveApi(api, request, response);
    done.catch((error: Error) => response.destroy(error));
  });
  await once(http.listen(0, host), 'listening');
  const git = (name: string, ...args: string[]) =>
    run('git', ['-C', join(folder, `${name}.git`), ...args], { env }).then((output) => output.trim());
  const server: GitServer = {
    url: `http://${host}:${(http.address() as AddressInfo).port}`,
    folder,
    password,
    sentBytes: 0,
    passwords: new Set(),
    intercept: () => false,
    create: async (name) => {
      const path = join(folder, `${name}.git`);
      await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', path], { env });
      await git(name, 'config', 'http.receivepack', 'true');
      return path;
    },
    commit: async (name, files, { branch = 'main', message = 'Change' } = {}) => {
      const work = join(folder, `work-${Math.random().toString(36).slice(2)}`);
      await run('sh', ['-c', checkOutScript, 'sh', join(folder, `${name}.git`), work, branch], { env });
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(work, path)), { recursive: true });
        await writeFile(join(work, path), content);
      }
      await run('sh', ['-c', commitScript, 'sh', work, branch, message], { env });
      return await git(name, 'rev-parse', branch);
    },
    git,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
  return server;
}

const checkOutScript = `set -e
git clone --quiet "$1" "$2" 2>/dev/null; cd "$2"
git checkout --quiet "$3" 2>/dev/null || git checkout --quiet -b "$3" 2>/dev/null || git symbolic-ref HEAD "refs/heads/$3"`;
const commitScript = `set -e
cd "$1"; git add --all; git commit --quiet --message "$3"; git push --quiet origin "HEAD:refs/heads/$2"; rm -rf "$1"`;

async function serveApi(api: Answerer | undefined, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '', headers } = request;
  const body = await text(request);
  if (api === undefined) return void response.writeHead(404).end();
  await api(response, { method, url, headers, body });
}

async function serveGit(server: GitServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (server.intercept(request, response)) return;
  const given = passwordOf(request);
  if (given !== undefined) server.passwords.add(given);
  if (server.password !== undefined && given !== server.password) {
    const status = given === undefined ? 401 : 403;
    return void response.writeHead(status, { 'www-authenticate': 'Basic realm="git"' }).end('Denied\n');
  }
  const { pathname, search } = new URL(request.url ?? '/', server.url);
  const backend = spawn('git', ['http-backend'], {
    env: {
      ...env,
      GIT_PROJECT_ROOT: server.folder,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method ?? '',
      REMOTE_USER: 'user',
      REMOTE_ADDR: '127.0.0.1',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      ...(request.headers['content-encoding'] && { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] }),
      ...(request.headers['content-length'] && { CONTENT_LENGTH: request.headers['content-length'] }),
      ...(request.headers['git-protocol'] && { GIT_PROTOCOL: String(request.headers['git-protocol']) }),
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  request.pipe(backend.stdin);
  backend.stdin.on('error', () => {});
  request.on('close', () => backend.stdin.end());
  await forward(server, backend.stdout, response);
}

async function forward(server: GitServer, output: AsyncIterable<Buffer>, response: ServerResponse): Promise<void> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of output) {
    server.sentBytes += chunk.length;
    if (head === undefined) {
      response.write(chunk);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) continue;
    const headers = head
      .subarray(0, end)
      .toString()
      .split('\r\n')
      .map((line) => line.split(': ') as [string, string]);
    const status = headers.find(([name]) => name.toLowerCase() === 'status')?.[1] ?? '200';
    response.writeHead(
      Number.parseInt(status, 10),
      Object.fromEntries(headers.filter(([name]) => name.toLowerCase() !== 'status')),
    );
    response.write(head.subarray(end + 4));
    head = undefined;
  }
  response.end();
}

function passwordOf({ headers }: IncomingMessage): string | undefined {
  const [, encoded] = /^Basic (\S+)$/.exec(headers.authorization ?? '') ?? [];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString().split(':').slice(1).join(':');
}

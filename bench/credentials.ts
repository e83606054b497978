/**
 * Compares requests over TLS in turns: directly to the host, in a tunnel of a gateway that does not end TLS, and through the
 * credential broker. Also from the first byte of a stream at the host to the first byte at the client. Then what the limits of a
 * GitHub add to calls of its API, and to pushes beside direct ones.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { Agent, type RequestListener, request } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { writeCredentials } from '../src/gateway/credentials.ts';
import { socketFile, socketFolder, writePolicy } from '../src/gateway/policy.ts';
import { issueCertificates } from '../src/jobs/credentials/certificates.ts';
import { startGitServer } from '../test/support/git-server.ts';
import { accepts } from './support/accepts.ts';
import { median } from './support/median.ts';
import { measurePushes } from './support/pushes.ts';

const bundle = join(import.meta.dirname, '../dist/js/plan42-gateway.mjs');
const rounds = Number(process.env['BENCH_ROUNDS'] || 500);
const warmUp = 50;
const pushRounds = Math.ceil(rounds / 20);
const placeholder = 'ghp_PlaceholderPlaceholderPlaceholder000';
const names = ['localhost'];
const certificates = issueCertificates(names, new Date());
const secret = 'ghp_secret';
let sentAt = 0;
const listener: RequestListener = (incoming, response) => {
  if (incoming.url?.startsWith('/acme/app.git/')) {
    const { method, url, headers } = incoming;
    const sent = request(`${git.url}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    incoming.pipe(sent);
    return;
  }
  if (!incoming.headers.authorization?.startsWith('token ')) response.statusCode = 400;
  if (incoming.url !== '/stream') {
    response.end('pong');
    return;
  }
  response.flushHeaders();
  setTimeout(() => {
    sentAt = performance.now();
    response.write('first');
    setTimeout(() => response.end('second'), 5);
  }, 5);
};
// The same host on three ports: one is intercepted, and one is intercepted and a GitHub.
const ports = await Promise.all([0, 1, 2].map(() => listen()));
const [passedPort = 0, interceptedPort = 0, githubPort = 0] = ports.map(({ port }) => port);
const githubCalls: readonly { name: string; path: string; body?: string }[] = [
  { name: 'read', path: '/api/v3/repos/acme/app/pulls/1' },
  {
    name: 'comment',
    path: '/api/v3/repos/acme/app/issues/1/comments',
    body: JSON.stringify({ body: 'Done. '.repeat(100) }),
  },
];

const folder = await mkdtemp(join(tmpdir(), 'plan42-bench-'));
const git = await startGitServer(join(folder, 'git'), { password: secret });
let gateway: ChildProcess | undefined;
/** PEM of that of the job. */
let authority = '';
try {
  const path = await startGateway();
  const agents = {
    direct: wayTo(undefined, passedPort),
    passed: wayTo(path, passedPort),
    intercepted: wayTo(path, interceptedPort),
  };
  const times = { direct: [] as number[], passed: [] as number[], intercepted: [] as number[] };
  const firstBytes = { direct: [] as number[], passed: [] as number[], intercepted: [] as number[] };
  for (let round = 0; round < rounds + warmUp; round += 1) {
    for (const way of ['direct', 'passed', 'intercepted'] as const) {
      const start = performance.now();
      await call(agents[way], '/');
      if (round >= warmUp) times[way].push(performance.now() - start);
      if (round < warmUp || round % 5 !== 0) continue;
      const firstAt = await call(agents[way], '/stream');
      firstBytes[way].push(firstAt - sentAt);
    }
  }
  const github = { direct: agents.direct, intercepted: agents.intercepted, github: wayTo(path, githubPort) };
  const isRefused = await call(github.github, '/api/v3/repos/acme/other').then(
    () => false,
    () => true,
  );
  if (!isRefused) throw new Error('nothing is limited, so there is nothing to measure');
  for (const { name, path: url, body } of githubCalls) {
    const calls = { direct: [] as number[], intercepted: [] as number[], github: [] as number[] };
    for (let round = 0; round < rounds + warmUp; round += 1) {
      for (const way of ['direct', 'intercepted', 'github'] as const) {
        const start = performance.now();
        await call(github[way], url, body);
        if (round >= warmUp) calls[way].push(performance.now() - start);
      }
    }
    const [direct, before, limited] = [median(calls.direct), median(calls.intercepted), median(calls.github)];
    console.log(
      `${name} at GitHub: intercepted ${ratio(before, direct)}, limited to the task ${ratio(limited, direct)} of a direct call; the limits add ${(limited - before).toFixed(2)} ms (medians of ${rounds}; goal 3 ms)`,
    );
  }
  const authorities = certificates.authority + authority;
  const url = new URL(`https://localhost:${githubPort}/acme/app.git`);
  await git.create('acme/app');
  await git.commit('acme/app', { 'a.txt': 'a' });
  const forPush = { folder, socket: path, url, authorities, token: secret, placeholder, branch: 'fix' };
  const pushes = await measurePushes({ ...forPush, rounds: pushRounds });
  console.log(
    `push: limited to the task ${ratio(pushes.limited, pushes.direct)} of a direct push; added ${(pushes.limited - pushes.direct).toFixed(1)} ms (medians of ${pushRounds})`,
  );
  github.github.agent.destroy();
  for (const { agent } of Object.values(agents)) agent.destroy();
  const [direct, passed, intercepted] = [median(times.direct), median(times.passed), median(times.intercepted)];
  console.log(
    `latency: passed ${ratio(passed, direct)}, intercepted ${ratio(intercepted, direct)} of a direct request; interception adds ${(intercepted - passed).toFixed(2)} ms (medians of ${rounds}; goal 3 ms)`,
  );
  const first = { direct: median(firstBytes.direct), intercepted: median(firstBytes.intercepted) };
  console.log(
    `first byte of a stream: intercepted ${ratio(first.intercepted, first.direct)} of a direct one, after it was sent (medians of ${rounds / 5}; goal 5 ms)`,
  );
} finally {
  if (gateway !== undefined) {
    gateway.kill('SIGTERM');
    if (gateway.exitCode === null) await once(gateway, 'exit');
  }
  for (const { close } of ports) close();
  await git[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}

/** As in `1.80 ms, 1.50 times that` */
function ratio(time: number, reference: number): string {
  return `${time.toFixed(2)} ms, ${(time / reference).toFixed(2)} times that`;
}

async function listen(): Promise<{ port: number; close: () => void }> {
  const server = createServer({ cert: certificates.certificate, key: certificates.key }, listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

async function startGateway(): Promise<string> {
  await mkdir(join(folder, socketFolder), { recursive: true });
  const all = [passedPort, interceptedPort, githubPort];
  const targets = [interceptedPort, githubPort].map((port) => ({ host: 'localhost', port }));
  const own = issueCertificates(names, new Date());
  authority = own.authority;
  await writePolicy(folder, {
    version: 1,
    jobId: 'bench',
    mode: 'enforce',
    rules: [{ host: 'localhost', ports: all, source: 'bench', mayBePrivate: false }],
    addresses: ['127.0.0.1/32', '::1/128'].map((cidr) => ({ cidr, ports: all, source: 'bench' })),
    broker: {
      ...own,
      trusted: certificates.authority,
      hosts: targets,
      credentials: [
        { name: 'bench', placeholder, targets: targets.map(({ host, port }) => ({ host, port, isPlain: false })) },
      ],
    },
    github: {
      ...{
        host: 'localhost',
        port: githubPort,
        setting: '[github.bench]',
        push: 'task-branch',
        api: 'task',
        alsoRead: [],
      },
      repositories: [{ name: 'acme/app', branches: ['fix'] }],
    },
    remedy: 'Add HOST.',
  });
  await writeCredentials(folder, new Map([['bench', secret]]));
  gateway = spawn(process.execPath, ['--max-old-space-size=64', bundle, folder], { stdio: 'ignore' });
  const path = join(folder, socketFolder, socketFile);
  await accepts(path);
  return path;
}

interface Way {
  agent: Agent;
  port: number;
}

/** Keeps one connection: through the gateway with this socket, else directly. */
function wayTo(path: string | undefined, port: number): Way {
  class TunnelAgent extends Agent {
    override createConnection(_options: object, done?: (error: Error | null, stream: Socket) => void): undefined {
      void this.#open(done);
      return undefined;
    }

    async #open(done?: (error: Error | null, stream: Socket) => void): Promise<void> {
      const socket = path === undefined ? connect(port, '127.0.0.1') : await openTunnel(path, port);
      const secure = connectTls({ socket, servername: 'localhost', rejectUnauthorized: false });
      await once(secure, 'secureConnect');
      done?.(null, secure);
    }
  }
  return { agent: new TunnelAgent({ keepAlive: true, maxSockets: 1 }), port };
}

async function openTunnel(path: string, port: number): Promise<Socket> {
  const socket = connect(path);
  socket.write(`CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
  const [reply] = (await once(socket, 'data')) as [Buffer];
  if (!reply.toString().includes(' 200 ')) throw new Error(reply.toString());
  return socket;
}

/** Resolves with the time of the first byte of the body. */
async function call({ agent, port }: Way, path: string, body?: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const sent = request({
    agent,
    path,
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      Host: `localhost:${port}`,
      Authorization: `token ${placeholder}`,
      ...(body !== undefined && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }),
    },
  });
  sent.on('error', reject).once('response', (response) => {
    if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
    let firstAt = 0;
    response.on('data', () => {
      firstAt ||= performance.now();
    });
    response.once('end', () => resolve(firstAt));
  });
  sent.end(body);
  return await promise;
}

/** A gateway with credentials, and hosts with real TLS behind it, for programs that use proxies. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { FindGuards } from '../../src/gateway/intercept/guards.ts';
import type { BrokerPolicy, EgressPolicy } from '../../src/gateway/policy.ts';
import { socketFile, socketFolder } from '../../src/gateway/policy.ts';
import { proxyVariables } from '../../src/gateway/proxy-variables.ts';
import { issueCertificates, type JobCertificates } from '../../src/jobs/credentials/certificates.ts';
import { authorityVariables } from '../../src/runtimes/authorities.ts';
import { openPolicy, startTestGateway, type TestGateway } from './gateway.ts';

export interface SecureHost extends AsyncDisposable {
  port: number;
  /** The `Authorization` of each request, or its lack. */
  authorizations: (string | undefined)[];
  /** PEM of the authority that has issued its certificate. */
  authority: string;
}

/** A host with real TLS and an authority of its own. */
export async function startSecureHost(
  names: readonly string[],
  listener: RequestListener,
  certificates: JobCertificates = issueCertificates(names, new Date()),
): Promise<SecureHost> {
  const authorizations: SecureHost['authorizations'] = [];
  const sockets = new Set<Socket>();
  const server = createHttpsServer({ cert: certificates.certificate, key: certificates.key }, (request, response) => {
    authorizations.push(request.headers.authorization);
    listener(request, response);
  });
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    authorizations,
    authority: certificates.authority,
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

export interface BrokeredGateway extends AsyncDisposable {
  gateway: TestGateway;
  /** The variables of proxies and authorities, for programs. */
  env: NodeJS.ProcessEnv;
  /** Runs a program as an agent would. Never rejects because of its exit code. */
  run: (command: string, args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<RunResult>;
}

interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
}

interface BrokeredOptions {
  /** All of them are the same server. */
  host: SecureHost;
  intercepted: readonly string[];
  /** Other names that the job may reach. */
  passed?: readonly string[];
  credentials: BrokerPolicy['credentials'];
  values: Readonly<Record<string, string>>;
  trusted?: string;
  policy?: Partial<EgressPolicy>;
  guards?: FindGuards;
}

export async function startBrokeredGateway(options: BrokeredOptions): Promise<BrokeredGateway> {
  const { host, intercepted, passed = [], credentials, values, trusted = host.authority, policy, guards } = options;
  const certificates = issueCertificates(intercepted, new Date());
  const names = [...intercepted, ...passed];
  const gateway = await startTestGateway({
    policy: {
      ...openPolicy(names, [443, 80]),
      broker: { ...certificates, trusted, hosts: intercepted.map((name) => ({ host: name, port: 443 })), credentials },
      ...policy,
    },
    credentials: values,
    ...(guards && { guards }),
    names: Object.fromEntries(names.map((name) => [name, ['127.0.0.1']])),
    ports: { 443: host.port, 80: host.port },
  });
  const path = join(gateway.folder, socketFolder, socketFile);
  const forwarder = createServer((client) => {
    const way = connect(path);
    client.pipe(way).pipe(client);
    for (const socket of [client, way]) {
      socket.on('error', () => {
        client.destroy();
        way.destroy();
      });
    }
  });
  await once(forwarder.listen(0, '127.0.0.1'), 'listening');
  const { port } = forwarder.address() as AddressInfo;
  for (const name of ['additional.pem', 'bundle.pem'])
    await writeFile(join(gateway.folder, name), certificates.authority + host.authority);
  const own = { ...proxyVariables(port), ...authorityVariables(gateway.folder) };
  const base = { PATH: process.env['PATH'], HOME: gateway.folder, ...own };
  return {
    gateway,
    env: own,
    run: (command, args, env) =>
      new Promise((resolve) => {
        const child = execFile(command, args, { env: { ...base, ...env } }, (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
        });
        child.stdin?.end();
      }),
    [Symbol.asyncDispose]: async () => {
      forwarder.close();
      await gateway[Symbol.asyncDispose]();
    },
  };
}

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { issueCertificates } from '../../../jobs/credentials/certificates.ts';
import { UserError } from '../../../lib/errors.ts';
import { isLoopback } from '../../../lib/loopback.ts';
import { connect } from './connect.ts';
import { isNotFound, KubeApiError } from './kube-api.ts';
import { parseYaml } from './kubeconfig.ts';

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kube-api-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function startServer(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `http://127.0.0.1:${address.port}`;
}

function kubeconfigFor(server: string): string {
  return `apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: '${server}', insecure-skip-tls-verify: true } }]
users: [{ name: u, user: { token: secret-token } }]
contexts:
  - { name: one, context: { cluster: c, user: u, namespace: agents } }
  - { name: two, context: { cluster: c, user: u } }
current-context: one
`;
}

async function connectTo(t: TestContext, listener: RequestListener) {
  const kubeconfig = join(await temporaryFolder(t), 'config');
  await writeFile(kubeconfig, kubeconfigFor(await startServer(t, listener)));
  return connect({ kubeconfig }, {});
}

test('sends method, query, body and token', async (t) => {
  const seen: unknown[] = [];
  const api = await connectTo(t, (request, response) => {
    const { authorization, 'content-type': type } = request.headers;
    void text(request).then((body) => {
      seen.push([request.method, request.url, authorization, type, body]);
      response.end('{"kind":"Job"}');
    });
  });
  assert.equal(api.namespace, 'agents');
  assert.deepEqual(await api.request('POST', '/apis/x', { query: { dryRun: 'All' }, body: { a: 1 } }), { kind: 'Job' });
  await api.request('PATCH', '/apis/x', { body: {} });
  assert.deepEqual(seen, [
    ['POST', '/apis/x?dryRun=All', 'Bearer secret-token', 'application/json', '{"a":1}'],
    ['PATCH', '/apis/x', 'Bearer secret-token', 'application/merge-patch+json', '{}'],
  ]);
});

test('connects to an API server whose address is IPv6, with its certificate', async (t) => {
  const { authority, certificate, key } = issueCertificates(['::1'], new Date());
  const server = createSecureServer({ cert: certificate, key }, (_, response) => response.end('{"kind":"Version"}'));
  await once(server.listen(0, '::1'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(await temporaryFolder(t), 'config');
  const data = Buffer.from(authority).toString('base64');
  const text = kubeconfigFor(`https://[::1]:${port}`).replace(
    'insecure-skip-tls-verify: true',
    `certificate-authority-data: ${data}`,
  );
  await writeFile(kubeconfig, text);
  const api = await connect({ kubeconfig }, {});
  assert.equal(api.server, `https://[::1]:${port}`);
  assert.deepEqual(await api.request('GET', '/version'), { kind: 'Version' });
  assert.ok(isLoopback(new URL(api.server).hostname));
});

test('a rejected request has status, reason, message and time to wait', async (t) => {
  const api = await connectTo(t, (request, response) => {
    if (request.url === '/busy') response.writeHead(429, { 'retry-after': '3' }).end('slow down');
    else {
      const status = { kind: 'Status', reason: 'NotFound', message: 'jobs.batch "x" not found', code: 404 };
      response.writeHead(404).end(JSON.stringify(status));
    }
  });
  const missing = await api.request('GET', '/x').catch((error: unknown) => error);
  assert.ok(missing instanceof KubeApiError && isNotFound(missing));
  assert.deepEqual([missing.message, missing.reason], ['jobs.batch "x" not found', 'NotFound']);
  const busy = await api.stream('/busy', { signal: t.signal }).catch((error: unknown) => error);
  assert.ok(busy instanceof KubeApiError);
  assert.deepEqual([busy.message, busy.retryAfterMs], ['GET /busy: 429 Too Many Requests', 3000]);
});

test('a server that accepts a request and never responds is reported', async (t) => {
  const api = await connectTo(t, () => {});
  await assert.rejects(api.request('GET', '/x', { timeoutMs: 50 }), /no response from http:.* within 0\.05 s/);
  const { signal } = new AbortController();
  await assert.rejects(api.stream('/x', { signal, headersTimeoutMs: 50 }), { code: 'UND_ERR_HEADERS_TIMEOUT' });
});

test('a stream ends with its signal', async (t) => {
  const api = await connectTo(t, (_request, response) => void response.write('line 1\n'));
  const stop = new AbortController();
  const chunks: string[] = [];
  const read = async () => {
    for await (const chunk of await api.stream('/log', { signal: stop.signal })) {
      chunks.push(Buffer.from(chunk).toString());
      stop.abort(new Error('enough'));
    }
  };
  await assert.rejects(read(), /enough/);
  assert.deepEqual(chunks, ['line 1\n']);
});

test('a rotated client token counts after the server refuses the old one', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'credential.json');
  const write = (token: string, expires: string) =>
    writeFile(
      file,
      JSON.stringify({
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token, expirationTimestamp: expires },
      }),
    );
  await write('old', '2020-01-01T00:00:00Z');
  const server = await startServer(t, (request, response) => {
    response.writeHead(request.headers.authorization === 'Bearer new' ? 200 : 401).end('{}');
  });
  const kubeconfig = join(folder, 'config');
  const user = `{ exec: { apiVersion: client.authentication.k8s.io/v1, command: cat, args: ['${file}'] } }`;
  await writeFile(kubeconfig, kubeconfigFor(server).replace('{ token: secret-token }', user));
  const api = await connect({ kubeconfig }, {});
  await assert.rejects(api.request('GET', '/x'), { status: 401 });
  await write('new', '2099-01-01T00:00:00Z');
  assert.deepEqual(await api.request('GET', '/x'), {});
});

test('finds the cluster as kubectl does', async (t) => {
  const folder = await temporaryFolder(t);
  const kubeconfig = join(folder, 'config');
  await writeFile(kubeconfig, kubeconfigFor('https://cluster.example:6443'));
  const ofVariable = await connect({ context: 'two' }, { KUBECONFIG: kubeconfig });
  assert.deepEqual([ofVariable.server, ofVariable.namespace], ['https://cluster.example:6443', 'default']);
  assert.equal((await connect({ kubeconfig, namespace: 'other' }, {})).namespace, 'other');
});

test('says what is wrong with a kubeconfig, without its content', async (t) => {
  const folder = await temporaryFolder(t);
  const kubeconfig = join(folder, 'config');
  const failureOf = async (text: string, context?: string) => {
    await writeFile(kubeconfig, text);
    const error = await connect({ kubeconfig, context }, {}).catch((failure: unknown) => failure);
    assert.ok(error instanceof UserError, String(error));
    return `${error.message.replace(folder, '')}. ${error.remedy}`;
  };
  const good = kubeconfigFor('https://cluster.example:6443');
  assert.match(await failureOf(good, 'three'), /no context three\. Set kubernetes\.context to one of: one, two\.$/);
  assert.match(await failureOf(good.replace('current-context: one', '')), /has no current context/);
  assert.match(await failureOf(good.replaceAll('user: u', 'user: v')), /names the user v, which is not there/);
  const broken = await failureOf('users: [{ token: secret-token');
  assert.match(broken, /it is not YAML/);
  assert.doesNotMatch(broken, /secret-token/);
  await assert.rejects(connect({}, { HOME: folder }), /there is no kubeconfig/);
  await assert.rejects(connect({ kubeconfig: join(folder, 'missing') }, {}), /cannot read the kubeconfig .*missing/);
});

test('reads YAML and JSON as they are', async () => {
  const template = {
    spec: { nodeSelector: null, containers: [{ name: 'agent', env: [{ name: 'A', $patch: 'delete' }] }] },
  };
  assert.deepEqual(await parseYaml(JSON.stringify(template)), template);
  const yaml = 'spec:\n  nodeSelector:\n  containers: [{ name: agent, env: [{ name: A, $patch: delete }] }]\n';
  assert.deepEqual(await parseYaml(yaml), template);
  await assert.rejects(parseYaml('spec: ['));
});

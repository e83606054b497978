/**
 * A node whose pods run at once and cost nothing: the API server has their objects, and reads their logs here as it would from a
 * kubelet. So a machine that could not start hundreds of real pods can measure what follows them.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { silentLogger } from '../../src/lib/logger.ts';
import { startLine } from '../../src/runtimes/kubernetes/logs/start-line.ts';
import { listThenWatch, type WatchedObject } from '../../src/runtimes/kubernetes/watch/list-then-watch.ts';
import type { Cluster } from '../../test/support/kubernetes/cluster.ts';

const name = 'stand-in';
const heartbeatMs = 10_000;
const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

interface Pod extends WatchedObject {
  spec: { nodeName?: string; containers: { name: string; image: string }[] };
  status: { phase: string };
}

/** @param lineMs how often each pod writes a line */
export async function startStandInNode(
  cluster: Cluster,
  { namespace, lineMs }: { namespace: string; lineMs: number },
): Promise<AsyncDisposable & { name: string }> {
  const { admin } = cluster;
  const stop = new AbortController();
  await using undo = new AsyncDisposableStack();
  undo.defer(() => stop.abort(new Error('the bench is over')));
  const port = undo.use(await serveLogs(cluster, lineMs)).port;
  await createNode(cluster, port);
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  const renewal = () => ({ holderIdentity: name, leaseDurationSeconds: 40, renewTime: microTime(new Date()) });
  await admin.request('POST', leases, { body: { metadata: { name }, spec: renewal() } });
  const heartbeat = setInterval(() => {
    admin.request('PATCH', `${leases}/${name}`, { body: { spec: renewal() } }).catch(() => {});
  }, heartbeatMs);
  undo.defer(() => clearInterval(heartbeat));
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const run = (pod: Pod) => {
    if (pod.status.phase === 'Pending')
      admin.request('PATCH', `${path}/${pod.metadata.name}/status`, { body: running(pod) }).catch(() => {});
  };
  listThenWatch({
    api: admin,
    path,
    fieldSelector: `spec.nodeName=${name}`,
    keep: (pod: Pod) => pod,
    onList: (pods) => pods.forEach(run),
    onChange: run,
    onDelete: () => {},
    logger: silentLogger,
    signal: stop.signal,
  }).catch(() => {});
  const owned = undo.move();
  return { name, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function createNode({ admin, host }: Cluster, port: number): Promise<void> {
  const arch = architectures[process.arch] ?? process.arch;
  const labels = { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': arch, 'kubernetes.io/hostname': name };
  const nodes = '/api/v1/nodes';
  await admin.request('POST', nodes, { body: { metadata: { name, labels } } });
  const resources = { cpu: '1000', memory: '1000Gi', pods: '1000' };
  const status = {
    capacity: resources,
    allocatable: resources,
    addresses: [{ type: 'InternalIP', address: host }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'KubeletReady',
        lastHeartbeatTime: new Date(),
        lastTransitionTime: new Date(),
      },
    ],
  };
  await admin.request('PATCH', `${nodes}/${name}/status`, { body: { status } });
}

function running({ spec }: Pod) {
  const startedAt = new Date();
  const conditions = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
    type,
    status: 'True',
  }));
  const containerStatuses = spec.containers.map((container) => ({
    name: container.name,
    image: container.image,
    imageID: container.image,
    containerID: 'stand-in://0',
    ready: true,
    restartCount: 0,
    started: true,
    state: { running: { startedAt } },
  }));
  return { status: { phase: 'Running', startTime: startedAt, conditions, containerStatuses } };
}

async function serveLogs({ dir, host }: Cluster, lineMs: number): Promise<AsyncDisposable & { port: number }> {
  const [cert, key] = await Promise.all(['crt', 'key'].map((end) => readFile(join(dir, `pki/kubelet-server.${end}`))));
  const server = createServer({ cert, key }, (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    const write = (line: string) => response.write(`${new Date().toISOString().replace('Z', '000000Z')} ${line}\n`);
    write(startLine.toString().trimEnd());
    const timer = setInterval(() => write('a line of the log'), lineMs);
    response.once('close', () => clearInterval(timer));
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The API has microseconds. */
function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}

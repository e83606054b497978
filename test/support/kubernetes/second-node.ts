/**
 * A node without a kubelet, whose heartbeats a test sends. A cluster in which every node is gone evicts no pods, because the
 * fault may be on the other side.
 */
import type { KubeApi } from '../../../src/runtimes/kubernetes/api/kube-api.ts';

const name = 'second';
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const heartbeatMs = 2000;

/** @param api with the rights of an administrator */
export async function startSecondNode(api: KubeApi): Promise<Disposable> {
  const now = () => new Date().toISOString();
  const taints = [{ key: 'plan42.ai/no-kubelet', effect: 'NoSchedule' }];
  await api.request('POST', '/api/v1/nodes', { body: { metadata: { name }, spec: { taints } } });
  const times = { lastHeartbeatTime: now(), lastTransitionTime: now() };
  const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: '', ...times }];
  await api.request('PATCH', `/api/v1/nodes/${name}/status`, { body: { status: { conditions } } });
  const spec = () => ({ holderIdentity: name, leaseDurationSeconds: 40, renewTime: now().replace('Z', '000Z') });
  await api.request('POST', leases, { body: { metadata: { name }, spec: spec() } });
  const timer = setInterval(() => {
    // The next one makes up for one that fails.
    api.request('PATCH', `${leases}/${name}`, { body: { spec: spec() } }).catch(() => {});
  }, heartbeatMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

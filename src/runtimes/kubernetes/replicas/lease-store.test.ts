import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeApi } from '../api/kube-api.ts';
import { createLeaseStore } from './lease-store.ts';

test('the Lease of a replica names the host that holds it', async () => {
  const bodies: unknown[] = [];
  const api: KubeApi = {
    ...{ namespace: 'ns', server: 's', stream: () => Promise.reject(new Error('unused')) },
    request: async (_method, _path, options) => {
      bodies.push(options?.body);
      return { metadata: { name: 'plan42-replica-1', uid: 'u', resourceVersion: '1' } } as never;
    },
  };
  const store = createLeaseStore(async () => api, '6e1a2b9c-0000-4000-8000-000000000001');
  const limits = { signal: undefined, timeoutMs: 1000 };
  await store.createReplica('plan42-replica-1', { ...limits, host: 'runner-0', durationMs: 15_000, now: new Date(0) });
  const [{ spec }] = bodies as [{ spec: Record<string, unknown> }];
  assert.deepEqual([spec['holderIdentity'], spec['leaseDurationSeconds']], ['runner-0', 15]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseOwnAccount, whyNotAccount } from './agent-account.ts';
import { type KubeApi, KubeApiError } from './api/kube-api.ts';

/** Knows the caller by this name, and counts how often it is asked. */
function apiOf(respond: () => string): { api: KubeApi; calls: () => number } {
  let calls = 0;
  const api: KubeApi = {
    namespace: 'team',
    server: 'https://cluster.test',
    request: async <T>() => {
      calls++;
      return { status: { userInfo: { username: respond() } } } as T;
    },
    stream: () => Promise.reject(new Error('no stream')),
  };
  return { api, calls: () => calls };
}

const container = { containers: [] };
const refusal = /agents must not have the service account runner of the namespace team: it is that of the runner/;

test('agents do not get the account of the runner, by either name of the field', async () => {
  const { api, calls } = apiOf(() => 'system:serviceaccount:team:runner');
  assert.match(await whyNotAccount(api, 'runner'), refusal);
  await assert.rejects(refuseOwnAccount(api, { spec: { ...container, serviceAccountName: 'runner' } }), refusal);
  await assert.rejects(refuseOwnAccount(api, { spec: { ...container, serviceAccount: 'runner' } }), refusal);
  await refuseOwnAccount(api, { spec: { ...container, serviceAccountName: 'agents' } });
  await refuseOwnAccount(api, { spec: container });
  assert.equal(calls(), 1);
});

test('without a name they have the default account, which can be that of the runner', async () => {
  const { api } = apiOf(() => 'system:serviceaccount:team:default');
  await assert.rejects(refuseOwnAccount(api, { spec: container }), /the service account default/);
});

test('an account of another namespace, a user, and an unknown caller are other accounts', async () => {
  for (const user of ['system:serviceaccount:other:runner', 'runner', '']) {
    assert.equal(await whyNotAccount(apiOf(() => user).api, 'runner'), '');
  }
  const forbidden = apiOf(() => {
    throw new KubeApiError('forbidden', { status: 403 });
  });
  assert.equal(await whyNotAccount(forbidden.api, 'runner'), '');
});

test('after an error of the API server, it is asked again', async () => {
  let isDown = true;
  const { api } = apiOf(() => {
    if (isDown) throw new KubeApiError('etcd timed out', { status: 500 });
    return 'system:serviceaccount:team:runner';
  });
  await assert.rejects(whyNotAccount(api, 'runner'), /etcd/);
  isDown = false;
  assert.match(await whyNotAccount(api, 'runner'), refusal);
});

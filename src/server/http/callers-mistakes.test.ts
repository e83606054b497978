/** Requests that no client should send: each is the mistake of its caller, and never a failure of the server. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { startControlPlane } from '../../../test/support/control-plane.ts';

const plane = await startControlPlane();
after(() => plane[Symbol.asyncDispose]());
const { tenant } = plane;
const id = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';

const odd = [
  '%',
  '%ff',
  '%00',
  '%ED%A0%80',
  '%2e%2e',
  "'",
  '%27%3b',
  '*',
  '-1',
  '1e9',
  '99999999999999999999',
  'a'.repeat(3000),
];
const lists = ['tasks', 'environments', 'runners', 'github-connections', 'workstreams', 'access-keys', 'shortnames'];

function pathsWith(value: string): string[] {
  return [
    ...lists.flatMap((list) =>
      [`/${value}`, `?token=${value}`, `?maxResults=${value}`].map((end) => `${tenant}/${list}${end}`),
    ),
    `${tenant}/tasks/${id}/turns/${value}`,
    `${tenant}/runners/${id}/queues/${id}/messages?maxWaitSeconds=${value}`,
    `/v1/tasks/search?pullRequestId=${value}`,
    `/v1/turns?partition=${value}&maxUpdatedAt=${value}`,
    `/v1/runner-queues?minQueueID=${value}&maxQueueID=${value}`,
    `/v1/tenants/${value}`,
  ];
}

const methods: readonly [method: string, ifMatch: string, body: string][] = [
  ['GET', '', ''],
  ['PUT', '1', '{}'],
  ['PATCH', 'x', '{}'],
  ['POST', '-1', '{'],
  ['DELETE', '99999999999999999999', ''],
];

async function statusOf(method: string, path: string, ifMatch: string, body: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const headers = {
    authorization: `APIToken ${plane.server.admin.tenantToken}`,
    ...(ifMatch && { 'if-match': ifMatch }),
    ...(body && { 'content-length': body.length }),
  };
  // Unlike fetch, it sends the path as it is.
  const outgoing = request(plane.server.url, { method, path, headers }, (response) => {
    text(response).then(() => resolve(response.statusCode ?? 0), reject);
  });
  outgoing.on('error', reject).end(body);
  return promise;
}

for (const value of odd) {
  test(`no value is a failure of the server: ${value.slice(0, 20)}`, async () => {
    for (const path of pathsWith(value)) {
      for (const [method, ifMatch, body] of methods) {
        const status = await statusOf(method, path, ifMatch, body);
        assert.ok(status < 500 || status === 501, `${method} ${path.slice(0, 200)}: ${status}`);
      }
    }
  });
}

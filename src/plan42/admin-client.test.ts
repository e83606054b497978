import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { sendJson, startTestServer } from '../../test/support/http-server.ts';
import { AdminClient } from './admin-client.ts';
import { createTransport } from './transport.ts';

it('AdminClient reads all pages of a list', async () => {
  const urls: string[] = [];
  await using server = createServer((request, response) => {
    urls.push(request.url ?? '');
    const page = urls.length % 3;
    const token = { TokenID: `${urls.length}`, RunnerID: 'r', ExpiresAt: '2030-01-01T00:00:00Z', Version: 1 };
    // The last page may have null, or no token; the next-to-last may be empty.
    response.end(JSON.stringify({ Items: page === 2 ? null : [token], NextToken: page === 0 ? null : `p ${page}` }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const transport = createTransport({});
  const baseUrl = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix/`);
  const client = new AdminClient({ transport, baseUrl, token: 'x', userAgent: 'test' }, 't/1');
  const tokens = await client.listRunnerTokens('r');
  await transport.destroy();
  assert.deepEqual(
    tokens.map((token) => token.TokenID),
    ['1', '3'],
  );
  const path = '/prefix/v1/tenants/t%2F1/runners/r/tokens?maxResults=500&includeRevoked=true';
  assert.deepEqual(urls, [path, `${path}&nextPageToken=p+1`, `${path}&nextPageToken=p+2`]);
});

it('AdminClient rejects repeated page tokens', async () => {
  await using server = await startTestServer((response, { url }) => {
    const next = url.includes('nextPageToken=a') ? 'b' : 'a';
    const NextToken = server.requests.length < 9 ? next : null;
    sendJson(response, 200, { Items: [], NextToken });
  });
  const transport = createTransport({});
  await using _ = { [Symbol.asyncDispose]: () => transport.destroy() };
  const client = new AdminClient({ transport, baseUrl: new URL(server.url), token: 'x', userAgent: 'test' }, 't');
  await assert.rejects(client.listRunnerTokens('r'), /the list repeats a page token/);
  assert.equal(server.requests.length, 3);
});

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openPolicy, startTestGateway } from '../../test/support/gateway.ts';
import { socketFile, socketFolder } from '../gateway/policy.ts';
import { explainRefusedHosts } from './refused-hosts.ts';

test('a failed turn names the hosts that its network refused, those of the failure first', async () => {
  await using gateway = await startTestGateway({ policy: openPolicy(['good.example'], [443]) });
  const socket = join(gateway.folder, socketFolder, socketFile);
  const failed = { Status: 'Failed', ErrorMessage: 'cannot fetch https://b.example/x: status 403' } as const;
  assert.deepEqual(await explainRefusedHosts(failed, socket), failed);
  for (const host of ['a.example', 'b.example', 'c.example', 'd.example'])
    await gateway.exchange(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const { ErrorMessage } = await explainRefusedHosts(failed, socket);
  assert.equal(
    ErrorMessage,
    'cannot fetch https://b.example/x: status 403. The network of the job refused b.example:443, a.example:443, c.example:443 ' +
      'and 1 more: no entry allows this host. Add "b.example" to AllowedHosts.',
  );
  const completed = { Status: 'Completed', OutputMessage: 'Done.' } as const;
  assert.deepEqual(await explainRefusedHosts(completed, socket), completed);
  assert.deepEqual(await explainRefusedHosts(failed, join(gateway.folder, 'none')), failed);
});

test('only the gateway itself lists what it refused', async () => {
  await using gateway = await startTestGateway({ policy: openPolicy(['good.example'], [80]) });
  const ask = (target: string) => gateway.exchange(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  assert.match(await ask('/refused'), /^HTTP\/1\.1 200 OK\r\n.*\{"refused":\[\]\}/s);
  assert.match(await ask('/policy'), /^HTTP\/1\.1 400 /);
  assert.match(await ask('http://evil.example/refused'), /^HTTP\/1\.1 403 /);
});

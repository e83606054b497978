import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { makeTempDir } from '../../test/support/temp-dir.ts';
import { createServiceNotifier, withoutNotifyVariables } from './service-notifier.ts';

/** A folder with a `systemd-notify` that records its arguments. */
async function notifyFolder() {
  const dir = await makeTempDir();
  const file = join(dir.path, 'systemd-notify');
  // The first takes longest: order must not depend on it.
  const script = `#!/bin/sh\n[ "$1" = READY=1 ] && /bin/sleep 0.1\necho "$NOTIFY_SOCKET $*" >>${dir.path}/sent\n`;
  await writeFile(file, script);
  await chmod(file, 0o755);
  const sent = async () => (await readFile(join(dir.path, 'sent'), 'utf8').catch(() => '')).trim().split('\n');
  return { path: dir.path, sent, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

test('notifications arrive in order, on one line each, without secrets', async () => {
  await using folder = await notifyFolder();
  using notifier = createServiceNotifier({ PATH: folder.path, NOTIFY_SOCKET: '/socket' });
  notifier.ready();
  notifier.status('degraded: no\nanswer for p42r_abc.def');
  notifier.stopping(1500);
  await eventually(async () => (await folder.sent()).length === 3);
  assert.deepEqual(await folder.sent(), [
    '/socket READY=1',
    '/socket STATUS=degraded: no answer for p42r_[redacted]',
    '/socket STOPPING=1 EXTEND_TIMEOUT_USEC=1500000',
  ]);
});

test('watchdog pings continue until disposal', async () => {
  await using folder = await notifyFolder();
  const pings = async () => (await folder.sent()).filter((line) => line.endsWith('WATCHDOG=1')).length;
  {
    using notifier = createServiceNotifier({ PATH: folder.path, NOTIFY_SOCKET: '/socket', WATCHDOG_USEC: '60000' });
    notifier.ready();
    await eventually(async () => (await pings()) >= 3);
  }
});

test('without a socket, or without systemd-notify, nothing happens', async () => {
  await using folder = await notifyFolder();
  using quiet = createServiceNotifier({ PATH: folder.path });
  quiet.ready();
  quiet.status('ready');
  using lost = createServiceNotifier({ PATH: '/nowhere', NOTIFY_SOCKET: '/socket' });
  lost.ready();
  using heard = createServiceNotifier({ PATH: folder.path, NOTIFY_SOCKET: '/socket' });
  heard.status('end');
  await eventually(async () => (await folder.sent()).includes('/socket STATUS=end'));
  assert.deepEqual(await folder.sent(), ['/socket STATUS=end']);
});

test('children do not inherit the variables', () => {
  const env = { NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '1', WATCHDOG_PID: '2', PATH: '/bin' };
  assert.deepEqual(withoutNotifyVariables(env), { PATH: '/bin' });
});

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAs } from '../../../test/support/json-schemas.ts';
import { commandContext } from '../../../test/support/run-cli.ts';
import { startTestServer } from '../../../test/support/start-test-server.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { runnerService, serverService } from '../../service/services.ts';
import { findOutdated, unitOf } from './outdated.ts';

const context = { ...commandContext([]), platform: 'freebsd' as const };
const pid = process.pid;

test('the same version and a newer one are not outdated', async () => {
  for (const version of ['1.2.3', '1.3.0'])
    assert.equal(await findOutdated(context, runnerService, { version, pid }), null);
});

test('a program in a terminal is restarted there', async () => {
  for (const version of ['1.2.2', '1.2.3-ann.test-2026-01-02', undefined]) {
    assert.deepEqual(await findOutdated(context, runnerService, { version, pid: 42 }), {
      installedVersion: '1.2.3',
      command: null,
      remedy: 'Stop it with Ctrl-C or "kill 42", then run "plan42 runner exec" again',
    });
  }
});

test('a service is restarted by the command that starts the installed program', async () => {
  await using dir = await makeTempDir();
  // The response of systemd; test/systemd.test.ts has a real one.
  const systemctl = `#!/bin/sh\nprintf 'LoadState=loaded\\nMainPID=${pid}\\nActiveState=active\\n'\n`;
  await writeFile(join(dir.path, 'systemctl'), systemctl, { mode: 0o755 });
  const linux = { ...context, platform: 'linux' as const, env: { PATH: `${dir.path}:/usr/bin:/bin`, HOME: dir.path } };
  const commandFor = async (
    ...[service, running]: Parameters<typeof findOutdated> extends [unknown, ...infer R] ? R : never
  ) => (await findOutdated(linux, service, running))?.command;
  const version = '1.2.2';
  assert.equal(await commandFor(runnerService, { version, pid }), 'plan42 runner enable');
  const enableArguments = ['-c', '/a b.toml'];
  assert.equal(
    await commandFor(runnerService, { version, pid, enableArguments }),
    "plan42 runner enable -c '/a b.toml'",
  );
  assert.equal(await commandFor(runnerService, { version, pid: pid + 1 }), null, 'another process than the service');
  // Its definition starts a program in another folder.
  assert.equal(await commandFor(serverService, { version, pid }), 'plan42 server enable');
});

test('the unit of the system is found in both versions of cgroups', () => {
  assert.equal(unitOf('0::/system.slice/plan42-runner.service\n'), 'plan42-runner.service');
  assert.equal(unitOf('2:cpu:/\n1:name=systemd:/system.slice/plan42-runner.service\n'), 'plan42-runner.service');
  assert.equal(unitOf('0::/user.slice/user-1000.slice/user@1000.service/app.slice/plan42-runner.service\n'), '');
  assert.equal(unitOf('0::/system.slice/docker.service/x\n'), '');
});

test('server status compares the version of the running server', async () => {
  await using server = await startTestServer();
  const file = join(server.dataDir, 'admin.json');
  const admin = JSON.parse(await readFile(file, 'utf8'));
  const status = async (version: string | undefined) => {
    await writeFile(file, JSON.stringify({ ...admin, version }));
    const text = (await server.plan42(['status'], { platform: 'freebsd' })).stdout;
    return { text, document: parseAs('server-status.json', (await server.plan42(['status', '--json'])).stdout) };
  };
  const same = await status('1.2.3');
  assert.match(same.text, /^Version {2}1\.2\.3$/m);
  assert.deepEqual([same.document.version, same.document.outdated], ['1.2.3', null]);

  const old = await status('1.2.2');
  const remedy = `Stop it with Ctrl-C or "kill ${pid}", then run "plan42 server start" again`;
  assert.match(
    old.text,
    /^Version {2}1\.2\.2, but 1\.2\.3 is installed\. Stop it with Ctrl-C or "kill \d+", then run/m,
  );
  assert.deepEqual(old.document.outdated, { installedVersion: '1.2.3', command: null, remedy });
  assert.match((await status(undefined)).text, /^Version {2}older, but 1\.2\.3 is installed\./m);
});

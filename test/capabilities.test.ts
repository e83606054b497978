/** The capabilities of agents, by the user of their image. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseConfig } from '../src/config/parse.ts';
import { createRuntime } from '../src/runtimes/select.ts';
import { busyboxLayer, wrapperLayer } from './support/engines/images.ts';
import { pushImage } from './support/engines/push-image.ts';
import { requires } from './support/engines-client.ts';
import { makeJobFolder } from './support/job-folder.ts';
import { makeTempDir } from './support/temp-dir.ts';

const commands = 'grep CapEff /proc/self/status; touch /bin/written && echo written; true';
// CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID and SYS_CHROOT.
const expected = 0x400fbn;

for (const name of ['podman', 'docker'] as const) {
  suite(`the agent of an image, on ${name},`, { timeout: 300_000 }, () => {
    for (const user of ['', '0:0', '1000', '1000:0']) {
      const isRoot = user === '' || user === '0:0';
      test(`has ${isRoot ? 'the configured' : 'no'} capabilities if its user is "${user}"`, async (t) => {
        const engines = await requires(t, name, 'registry');
        if (!engines) return;
        await using dir = await makeTempDir();
        const layers = await Promise.all([busyboxLayer(dir.path), wrapperLayer(dir.path)]);
        const tag = `user-${user.replace(':', '-')}`;
        const signal = AbortSignal.timeout(60_000);
        const { registry } = engines;
        const image = await pushImage({ registry, repository: 'test/capabilities', tag, layers, user, signal });
        await using folder = await makeJobFolder(JSON.stringify({ Prompt: `@@${commands}@@` }));
        const { config } = parseConfig({ file: '[jobs]\nnetwork = "host"\n', env: {}, flags: new Map() });
        const runtime = createRuntime(name, {
          config,
          env: { PATH: process.env['PATH'], HOME: dir.path, ...engines[name]?.env },
          instanceId: 'test',
          knownJobs: async () => [],
        });
        const job = { ...folder, jobId: `plan42-${crypto.randomUUID()}-1`, image };
        await runtime.pull(image, 'if-not-present');
        try {
          await runtime.start(job);
          assert.equal((await runtime.wait(job)).exitCode, 0);
        } finally {
          await runtime.remove(job);
        }
        const log = await folder.readLog();
        const [, effective = ''] = /^CapEff:\s*([0-9a-f]+)$/m.exec(log) ?? [];
        assert.equal(BigInt(`0x${effective}`), isRoot ? expected : 0n, log);
        assert.equal(/^written$/m.test(log), isRoot, log);
      });
    }
  });
}

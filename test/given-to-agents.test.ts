/** Mounts and variables of the configuration, in real containers. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import type { Mount } from '../src/config/mounts.ts';
import { parseConfig } from '../src/config/parse.ts';
import { commandLine } from '../src/lib/processes.ts';
import { createRuntime } from '../src/runtimes/select.ts';
import { listJobProcesses, readState } from '../src/shim/shim.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { makeJobFolder } from './support/job-folder.ts';
import { makeTempDir } from './support/temp-dir.ts';

// As in a service.
process.umask(0o077);

const secret = 'very secret, "quoted" #1 =x \'y\'  ';

async function start(
  t: TestContext,
  name: 'docker' | 'podman' | 'host',
  commands: string,
  jobs: string,
  mounts: readonly Mount[] = [],
) {
  const engines = name === 'host' ? undefined : await requires(t, name, 'registry');
  if (name !== 'host' && !engines) return undefined;
  const folder = await makeJobFolder(JSON.stringify({ Prompt: `@@${commands}@@` }));
  const file = `[jobs]\n${jobs}\n[host]\nunisolated = true\ncommand = ["/bin/sh", "-c", ${JSON.stringify(commands)}]\n`;
  const { config, problems } = parseConfig({ file, env: {}, flags: new Map() });
  assert.deepEqual(problems, []);
  const ofEngine = (engines as Record<string, { env?: NodeJS.ProcessEnv } | undefined> | undefined)?.[name]?.env;
  const env = { PATH: process.env['PATH'], HOME: folder.folder, PASSED_ON: 'from the runner', ...ofEngine };
  const runtime = createRuntime(name, { config, env, instanceId: 'test', knownJobs: async () => [] });
  const job = { ...folder, jobId: `plan42-${crypto.randomUUID()}-1`, image: engines?.images.agent ?? 'none', mounts };
  await runtime.pull(job.image, 'if-not-present');
  await runtime.start(job);
  return {
    job,
    finish: async () => {
      const { exitCode } = await runtime.wait(job);
      await runtime.remove(job);
      const log = await folder.readLog();
      await folder[Symbol.asyncDispose]();
      return { exitCode, log };
    },
  };
}

for (const name of ['docker', 'podman', 'host'] as const) {
  suite(name, () => {
    test('variables reach the agent, and no command line', async (t) => {
      const untilGo = 'while ! test -e "$GO"; do sleep 0.05; done';
      await using dir = await makeTempDir();
      const mounts = name === 'host' ? '' : `mounts = ["${dir.path}:/go"]`;
      const go = name === 'host' ? dir.path : '/go';
      const env = JSON.stringify([`KEY=${secret}`, 'PASSED_ON', `GO=${go}/go`]);
      const commands = `${untilGo}; printf "<%s>" "$KEY" "$PASSED_ON"`;
      const started = await start(t, name, commands, `env = ${env}\n${mounts}`);
      if (!started) return;
      const state = await readState(started.job.folder);
      assert.ok(state.phase === 'running');
      const pids = [state.pid, ...(await listJobProcesses(state.pid)).map(({ pid }) => pid)];
      const lines = await Promise.all(pids.map((pid) => commandLine(pid)));
      assert.ok(!lines.join('\n').includes('secret'));
      assert.ok(lines.join('\n').includes(name === 'host' ? '/bin/sh' : `${name} run`));
      await writeFile(join(dir.path, 'go'), '');
      const { log } = await started.finish();
      assert.ok(log.includes(`<${secret}><from the runner>`), log);
    });
  });
}

for (const name of ['docker', 'podman'] as const) {
  test(`${name} mounts a folder read-only unless it says "rw"`, async (t) => {
    await using dir = await makeTempDir();
    for (const each of ['read', 'write']) {
      await mkdir(join(dir.path, each));
      await writeFile(join(dir.path, each, 'file'), `content of ${each}\n`);
    }
    const mounts = JSON.stringify([`${dir.path}/read:/given/read`, `${dir.path}/write:/given/write:rw`]);
    const mirror: Mount = {
      source: join(dir.path, 'mirror'),
      target: '/var/cache/plan42/git',
      isReadOnly: true,
      relabel: true,
    };
    await mkdir(mirror.source);
    await writeFile(join(mirror.source, 'HEAD'), 'of the mirror\n');
    const commands =
      'cat /given/*/file /var/cache/plan42/git/HEAD; touch /var/cache/plan42/git/x; for d in read write; do echo new > /given/$d/file && echo "wrote to $d"; done';
    const started = await start(t, name, commands, `mounts = ${mounts}`, [mirror]);
    if (!started) return;
    const { log } = await started.finish();
    assert.match(log, /content of read\ncontent of write\nof the mirror\n/);
    assert.match(log, /git\/x: Read-only file system/);
    assert.match(log, /read\/file: Read-only file system/);
    assert.match(log, /wrote to write\n/);
    assert.ok(!log.includes('wrote to read'));
    const content = (each: string) => readFile(join(dir.path, each, 'file'), 'utf8');
    await eventually(async () => (await content('write')) === 'new\n');
    assert.equal(await content('read'), 'content of read\n');
  });
}

test('the runtime host refuses a mount that it cannot make', async (t) => {
  const refused = start(t, 'host', 'true', 'mounts = ["/etc:/other"]');
  await assert.rejects(refused, /cannot mount \/etc: the runtime host has no mounts/);
  const readOnly = start(t, 'host', 'true', 'mounts = ["/etc:/etc"]');
  await assert.rejects(readOnly, /cannot mount \/etc/);
});

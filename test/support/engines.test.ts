import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { startEngines } from './engines.ts';
import { requires } from './engines-client.ts';

// One statement reads a limit under cgroup v2, and under v1.
const limits = `
  cd /sys/fs/cgroup
  cat cpu.max cpu/cpu.cfs_quota_us memory.max memory/memory.limit_in_bytes pids.max pids/pids.max 2>/dev/null
  grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status
`;

for (const name of ['podman', 'docker'] as const) {
  suite(name, () => {
    test('pulls from the registry', async (t) => {
      const prerequisites = await prepare(t, name);
      if (!prerequisites) return;
      const { engine, images } = prerequisites;
      const { code, stderr } = await engine(['pull', images.agent]);
      assert.equal(code, 0, stderr);
    });

    test('says so when an image does not exist', async (t) => {
      const prerequisites = await prepare(t, name);
      if (!prerequisites) return;
      const { engine, registry } = prerequisites;
      const { code, stderr } = await engine(['pull', `${registry}/test/nonesuch:v1`]);
      assert.notEqual(code, 0);
      assert.match(stderr, /manifest unknown|not found/i);
    });

    test('applies limits and hardening', async (t) => {
      const prerequisites = await prepare(t, name);
      if (!prerequisites) return;
      const { engine, images } = prerequisites;
      const hardening = ['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--pids-limit', '4096'];
      // Docker refuses more CPUs than the machine has.
      const cpus = name === 'docker' ? Math.min(4, availableParallelism()) : 4;
      const size = ['--cpus', String(cpus), '--memory', '8g'];
      const run = await engine(['run', '--rm', ...size, ...hardening, images.agent, 'sh', '-c', limits]);
      assert.equal(run.stderr, '');
      const [cpu, memory, pids, ...status] = run.stdout.trim().split('\n');
      assert.match(cpu ?? '', new RegExp(`^${cpus * 100_000}( 100000)?$`));
      assert.equal(memory, String(8 * 2 ** 30));
      assert.equal(pids, '4096');
      const none = '0000000000000000';
      assert.deepEqual(status, [`CapEff:\t${none}`, `CapBnd:\t${none}`, 'NoNewPrivs:\t1']);
    });

    test('runs the directive of a request on standard input', async (t) => {
      const prerequisites = await prepare(t, name);
      if (!prerequisites) return;
      const prompt = '@@echo "to stderr" >&2; wc -c < $REQUEST; exit 7@@';
      const request = JSON.stringify({ Turn: { Prompt: prompt, Secret: 'hush' } });
      const { code, stdout, stderr } = await runAgent(prerequisites, request, ['--cap-drop', 'ALL']);
      assert.deepEqual(stdout.split('\n'), ['ARGS: --one=1 --two', String(request.length), '']);
      assert.equal(stderr, 'to stderr\n');
      assert.equal(code, 7);
    });

    test('greets when the request has no directive', async (t) => {
      const prerequisites = await prepare(t, name);
      if (!prerequisites) return;
      const { code, stdout } = await runAgent(prerequisites, '{}', []);
      assert.equal(stdout, 'ARGS: --one=1 --two\nhello from the agent\n');
      assert.equal(code, 0);
    });

    test("reaches the host's loopback in its network", async (t) => {
      const prerequisites = await prepare(t, name);
      if (!prerequisites) return;
      await using server = createServer((_request, response) => response.end('hello from the host\n'));
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const request = JSON.stringify({ Prompt: `@@wget -q -O - http://127.0.0.1:${port}/@@` });
      const { stdout } = await runAgent(prerequisites, request, ['--network', 'host']);
      assert.match(stdout, /hello from the host/);
    });

    test('refuses an image without the entrypoint', async (t) => {
      const prerequisites = await prepare(t, name);
      if (!prerequisites) return;
      const { engine, images } = prerequisites;
      const { code } = await engine(['run', '--rm', '--entrypoint', '/usr/bin/agent-wrapper', images.noEntrypoint]);
      assert.equal(code, 127);
    });
  });
}

test('leaves nothing behind, not even after containers that still run', async (t) => {
  if (!(await requires(t, 'docker', 'podman', 'registry'))) return;
  const parent = await mkdtemp(join(tmpdir(), 'plan42-test-'));
  t.after(() => rm(parent, { recursive: true }));
  const own = await startEngines({ dir: join(parent, 'own'), signal: t.signal });
  const image = own.images?.agent ?? '';
  for (const [command, engine] of [
    ['docker', own.docker],
    ['podman', own.podman],
  ] as const) {
    const { code, stderr } = await execute(command, ['run', '--detach', image, 'sleep', '600'], engine?.env);
    assert.equal(code, 0, stderr);
  }
  await Promise.all([own[Symbol.asyncDispose](), own[Symbol.asyncDispose]()]);
  assert.deepEqual(await readdir(parent), []);
});

test('skips with a message that names what is missing', async (t) => {
  const before = process.env['PLAN42_TEST_ENGINES'];
  t.after(() => {
    if (before === undefined) delete process.env['PLAN42_TEST_ENGINES'];
    else process.env['PLAN42_TEST_ENGINES'] = before;
  });
  process.env['PLAN42_TEST_ENGINES'] = JSON.stringify({ missing: { podman: 'podman is not installed' } });
  const skip = t.mock.fn();
  assert.equal(await requires({ skip }, 'podman', 'registry'), undefined);
  assert.deepEqual(skip.mock.calls[0]?.arguments, ['missing prerequisite: podman: podman is not installed']);
});

async function prepare(t: TestContext, name: 'docker' | 'podman') {
  const found = await requires(t, name, 'registry');
  const env = found?.[name]?.env;
  if (!found || !env) return undefined;
  return { ...found, engine: (args: string[], stdin?: number) => execute(name, args, env, stdin) };
}

type Prepared = NonNullable<Awaited<ReturnType<typeof prepare>>>;

async function runAgent({ engine, images }: Prepared, request: string, options: string[]) {
  const dir = await mkdtemp(join(tmpdir(), 'plan42-test-'));
  try {
    await writeFile(join(dir, 'request.json'), request, { mode: 0o600 });
    await using file = await open(join(dir, 'request.json'));
    const entrypoint = ['--entrypoint', '/usr/bin/agent-wrapper'];
    return await engine(
      ['run', '--rm', '--interactive', ...options, ...entrypoint, images.agent, '--one=1', '--two'],
      file.fd,
    );
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function execute(command: string, args: string[], env: Readonly<Record<string, string>> = {}, stdin?: number) {
  const output = { stdout: '', stderr: '' };
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: [stdin ?? 'ignore', 'pipe', 'pipe'] });
  child.stdout?.setEncoding('utf8').on('data', (text) => (output.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text) => (output.stderr += text));
  const [code] = await once(child, 'close');
  return { ...output, code: code as number | null };
}

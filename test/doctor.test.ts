/** The doctor with real engines, and as a process of its own. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startControlPlane } from './support/control-plane.ts';
import { requires } from './support/engines-client.ts';
import { makeTempDir } from './support/temp-dir.ts';

const plan42 = join(import.meta.dirname, '../bin/plan42');

for (const name of ['podman', 'docker'] as const) {
  test(`finds ${name} ready, within ten seconds`, async (t) => {
    const engines = await requires(t, name);
    if (!engines) return;
    const { env } = engines[name] as { env: NodeJS.ProcessEnv };
    await using plane = await startControlPlane();
    await using dir = await makeTempDir();
    const configFile = join(dir.path, 'runner.toml');
    const token = await plane.newToken();
    await writeFile(configFile, `[runner]\nurl = "${plane.server.url}"\ntoken = "${token}"\nruntime = "${name}"\n`, {
      mode: 0o600,
    });
    const start = performance.now();
    const { stdout } = await promisify(execFile)(plan42, ['runner', 'doctor', '--json', '-c', configFile], {
      env: { ...process.env, ...env, PLAN42_STATE_DIR: join(dir.path, 'state') },
    });
    assert.ok(performance.now() - start < 10_000);
    const { status, checks } = JSON.parse(stdout);
    assert.equal(status, 'ok', stdout);
    const runtime = checks.find((check: { name: string }) => check.name === 'runtime');
    assert.match(runtime.found[0], new RegExp(`^${name} \\d+\\.\\d+`));
    assert.ok(!stdout.includes(token));
  });
}

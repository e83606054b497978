/** The demo, as a newcomer runs it, with the sample agent as a process and in real containers. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { requires } from './support/engines-client.ts';

const run = promisify(execFile);

test('without an engine, the agent runs on the host and the demo reports that', async () => {
  const output = await runDemo({ ENGINE: 'none' });
  assert.match(output, /without isolation: with your files and your network/);
  assert.match(output, /runtime=host/);
});

for (const engine of ['podman', 'docker'] as const) {
  test(`with ${engine}, the agent runs in a container`, async (t) => {
    const found = await requires(t, engine);
    if (!found) return;
    const { env } = found[engine] as { env: NodeJS.ProcessEnv };
    const output = await runDemo({ ...env, ENGINE: engine });
    assert.match(output, new RegExp(`runtime=${engine}`));
    const { stdout: images } = await run(engine, ['images', '--quiet', 'localhost/plan42-sample-agent'], {
      env: { ...process.env, ...env },
    });
    assert.equal(images, '', 'the image is gone');
  });
}

async function runDemo(env: NodeJS.ProcessEnv): Promise<string> {
  const temporary = await mkdtemp(join(tmpdir(), 'plan42-demo-test-'));
  try {
    const script = join(import.meta.dirname, '../scripts/demo.ts');
    const options = { env: { ...process.env, ...env, TMPDIR: temporary }, timeout: 120_000 };
    const { stdout, stderr } = await run(process.execPath, [script], options);
    assert.match(stderr, /\[turn 1\] Completed/);
    assert.match(stdout, /Your prompt has 7 words in 1 line\./);
    assert.match(stdout, /^Runner +Running, ready/m);
    assert.match(stdout, /^plan42-\S+-1\tTell me how many words this is\.\t1\tNo/m, 'the job is listed as over');
    assert.equal(stdout.match(/^The prompt has 7 words in 1 line\.$/gm)?.length, 2, 'followed, and from its log');
    assert.deepEqual(await readdir(temporary), [], 'nothing is left behind');
    return stdout;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

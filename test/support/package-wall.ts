import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { run } from './engines/processes.ts';
import { requires } from './engines-client.ts';
import { ServerProcess } from './server-process.ts';
import { makeTempDir } from './temp-dir.ts';

const execute = promisify(execFile);
const plan42 = join(import.meta.dirname, '../../bin/plan42');

/** An installed `plan42` builds the wall with its own files, of which the doctor's container is the proof. */
export async function assertWallStands(t: TestContext, installed: readonly [string, ...string[]]): Promise<void> {
  const engines = await requires(t, 'docker');
  if (!engines) return;
  await using dir = await makeTempDir();
  const at = (file: string) => join(dir.path, file);
  await using server = await ServerProcess.start(at('data'), 0, []);
  const token = (await run(plan42, ['server', 'token', 'create', '--data', at('data')])).trim();
  const config = `[runner]\nurl = "${server.url}"\ntoken = "${token}"\nruntime = "docker"\n`;
  await writeFile(at('runner.toml'), config, { mode: 0o600 });
  const [command, ...args] = installed;
  const env = { HOME: dir.path, PATH: process.env['PATH'], PLAN42_STATE_DIR: at('state'), ...engines.docker.env };
  const doctor = [...args, 'runner', 'doctor', '--json', '-c', at('runner.toml')];
  // Other checks fail on this machine.
  const printed = await execute(command, doctor, { env }).catch((error: { stdout: string }) => error);
  const { checks } = JSON.parse(printed.stdout) as { checks: { found: string[] }[] };
  const found = checks.flatMap((check) => check.found);
  const proof =
    /^a container of docker behind the wall called \S+ through its gateway, \d+ ms, and reached no network$/;
  assert.ok(
    found.some((line) => proof.test(line)),
    found.join('\n'),
  );
}

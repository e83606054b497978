import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { busyboxLayer, folderLayer, programLayer } from './engines/images.ts';
import { run } from './engines/processes.ts';
import { pushImage } from './engines/push-image.ts';
import { makeTempDir } from './temp-dir.ts';

/** The reference agent, as `make build` leaves it. */
export const agentBundle = join(import.meta.dirname, '../../dist/js/plan42-agent.mjs');

/** Set it as `jobs.entrypoint`. */
export const agentEntrypoint = '/opt/agent/run';

/** Pushes an image with the reference agent, git and a shell, and returns its name. */
export async function pushReferenceAgent(registry: string): Promise<string> {
  await using dir = await makeTempDir();
  const folder = join(dir.path, 'agent');
  await mkdir(folder);
  await copyFile(agentBundle, join(folder, 'plan42-agent.mjs'));
  await writeFile(join(folder, 'run'), '#!/bin/sh\nexec node /opt/agent/plan42-agent.mjs "$@"\n', { mode: 0o755 });
  const git = (await run('sh', ['-c', 'command -v git'])).trim();
  const execPath = (await run('git', ['--exec-path'])).trim();
  const programs = [process.execPath, git, `${execPath}/git-remote-http`, '/usr/bin/env'];
  const agent = { from: folder, to: '/opt/agent' };
  return await pushImage({
    registry,
    repository: 'test/reference-agent',
    tag: 'v1',
    layers: await Promise.all([busyboxLayer(dir.path), programLayer(dir.path, programs), folderLayer(dir.path, agent)]),
    env: [`PATH=${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`],
    signal: AbortSignal.timeout(60_000),
  });
}

/** The image of the scripted agent. */
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { copyProgram, copyWrapper, importImage } from '../../examples/sample-agent/image.ts';
import type { Engine } from './engine.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/** The reference agent, which starts a command-line agent. */
export const agentBundle = join(root, 'dist/js/plan42-agent.mjs');
export const scriptedAgent = join(import.meta.dirname, 'agent/agent.ts');
const agentFolder = '/opt/demo-agent';

/** Makes an image of this machine's Node.js, git and shell, so that it needs no download. */
export async function makeImage(
  engine: Engine,
  name: string,
  folder: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  const files = join(folder, 'image');
  await copyProgram(process.execPath, files, '/usr/bin/node');
  for (const program of ['sh', 'env', 'cat', 'ls']) {
    const { stdout } = await run('sh', ['-c', `command -v ${program}`]);
    await copyProgram(stdout.trim(), files, program === 'sh' ? '/bin/sh' : stdout.trim());
  }
  await copyGit(files);
  for (const place of ['tmp', 'workspace']) {
    await mkdir(join(files, place));
    await chmod(join(files, place), 0o1777);
  }
  await copyWrapper(agentBundle, files);
  await cp(join(scriptedAgent, '..'), join(files, agentFolder), { recursive: true });
  const changes = [
    'ENV PLAN42_AGENT=custom',
    `ENV PLAN42_AGENT_COMMAND="node ${agentFolder}/agent.ts"`,
    'ENV HOME=/tmp',
    'WORKDIR /workspace',
    'USER 1000',
  ];
  await importImage(files, { engine, name, env, changes });
  await rm(files, { recursive: true });
}

/** With the part that speaks HTTP. */
async function copyGit(files: string): Promise<void> {
  const [git, folder] = await Promise.all([run('sh', ['-c', 'command -v git']), run('git', ['--exec-path'])]);
  const programs = folder.stdout.trim();
  await copyProgram(git.stdout.trim(), files, '/usr/bin/git');
  await copyProgram(join(programs, 'git-remote-http'), files);
  await symlink('git-remote-http', join(files, programs, 'git-remote-https'));
  await mkdir(join(files, 'usr/share/git-core/templates'), { recursive: true });
}

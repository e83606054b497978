/** A user who runs `plan42 run`: a home folder, and the service that their first command starts. */
import { execFile } from 'node:child_process';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readServiceInfo, runFolder, type ServiceInfo, stopFile } from '../../src/cli/run/service/run-folder.ts';
import { isFolderLocked } from '../../src/lib/lock.ts';
import { eventually } from './eventually.ts';
import { git } from './git.ts';
import { makeTempDir } from './temp-dir.ts';

const plan42Path = join(import.meta.dirname, '../../bin/plan42');

export interface Run {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface User extends AsyncDisposable {
  /** Contains everything. */
  folder: string;
  env: NodeJS.ProcessEnv;
  /** Runs the built `plan42` in a folder. */
  plan42: (cwd: string, argv: readonly string[], options?: { env?: NodeJS.ProcessEnv; stdin?: string }) => Promise<Run>;
  /** Creates a repository with one commit. */
  repository: (name?: string, files?: Readonly<Record<string, string>>) => Promise<string>;
  service: () => Promise<ServiceInfo | undefined>;
  isRunning: () => boolean;
  stopService: () => Promise<void>;
}

/** A command of the agent "custom", which gets the prompt on standard input. */
export const asAgent = (script: string): NodeJS.ProcessEnv => ({
  PLAN42_AGENT_COMMAND: JSON.stringify(['sh', '-c', script]),
  PLAN42_AGENT_PROTOCOL: 'command',
});

/** Appends the prompt to a file, and says so. */
export const writingAgent = asAgent('mkdir -p notes; cat >>notes/prompt.txt; echo "I wrote it down."');

export async function startUser(more: NodeJS.ProcessEnv = {}): Promise<User> {
  const temporary = await makeTempDir();
  const folder = temporary.path;
  const env: NodeJS.ProcessEnv = {
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    HOME: join(folder, 'home'),
    TMPDIR: folder,
    LC_ALL: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    PLAN42_RUN_IDLE_MINUTES: '5',
    ...writingAgent,
    ...more,
  };
  await mkdir(join(folder, 'home'));
  await writeFile(join(folder, 'home/.gitconfig'), '[user]\n\tname = Ute User\n\temail = ute@example.com\n');
  const paths = runFolder({ env, platform: process.platform });
  const isRunning = () => isFolderLocked(paths.data);
  let number = 0;
  const user: User = {
    folder,
    env,
    plan42: (cwd, argv, { env: extra = {}, stdin } = {}) => {
      const { promise, resolve } = Promise.withResolvers<Run>();
      const options = { cwd, env: { ...env, ...extra }, timeout: 400_000, maxBuffer: 64 * 1024 * 1024 };
      const child = execFile(plan42Path, [...argv], options, (error, stdout, stderr) =>
        resolve({ exitCode: error === null ? 0 : (child.exitCode ?? -1), stdout, stderr }),
      );
      child.stdin?.end(stdin);
      return promise;
    },
    repository: async (name, files = { 'a.txt': 'one\n' }) => {
      number += 1;
      const path = join(folder, name ?? `repository ${number}`);
      await git(folder, ['init', '--quiet', '--initial-branch=main', path]);
      for (const [file, content] of Object.entries(files)) await writeFile(join(path, file), content);
      await git(path, ['add', '--all']);
      await git(path, ['commit', '--quiet', '--message', 'Begin']);
      return path;
    },
    service: () => readServiceInfo(paths),
    isRunning,
    stopService: async () => {
      const info = await readServiceInfo(paths);
      if (info === undefined || !isRunning()) return;
      await writeFile(stopFile(paths, info.startId), '');
      await eventually(async () => !isRunning());
    },
    [Symbol.asyncDispose]: async () => {
      await user.stopService();
      await temporary[Symbol.asyncDispose]();
    },
  };
  return user;
}

export async function read(...path: string[]): Promise<string | undefined> {
  const file = join(...path);
  return access(file).then(
    () => readFile(file, 'utf8'),
    () => undefined,
  );
}

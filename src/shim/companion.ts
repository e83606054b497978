/** A program beside a job that is kept running until the job is over, whether or not this process is alive. */
import { spawn } from 'node:child_process';
import { readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { errorCode } from '../lib/errors.ts';
import { createFile, exists } from '../lib/files.ts';
import { commandLine, listProcesses, signalAll } from '../lib/processes.ts';
import { sleep } from '../lib/sleep.ts';
import { companionScript } from './scripts.ts';

export interface Companion {
  /** A folder of the companion's own, in the job's folder. It is the last argument of the command, which identifies the process. */
  folder: string;
  /** Gets the reason if the program cannot work. */
  failureFile: string;
  command: readonly string[];
  env: NodeJS.ProcessEnv;
}

/** The name under which the script runs, followed by the folder. */
const name = 'plan42-companion';
/** In the folder: the job is over. The companion ends then, and so does its script. */
export const endedFile = 'ended';
const killAfterMs = 1500;
const pollMs = 10;
const checkIntervalMs = 5000;

/** Starts the script that keeps the companion running. @throws Error if no process can be started */
export async function startCompanion({ folder, failureFile, command, env }: Companion): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const args = ['-c', companionScript, name, folder, failureFile, ...command, folder];
  const child = spawn('/bin/sh', args, { env, cwd: folder, stdio: 'ignore', detached: true });
  child.once('error', reject);
  child.once('spawn', () => {
    child.unref();
    resolve();
  });
  await promise;
}

export interface KeepOptions {
  /** Whether the job's process is running. */
  isRunning: () => Promise<boolean>;
  onRestart: () => void;
  onError: (error: unknown) => void;
  signal: AbortSignal;
}

/**
 * While a job runs, starts the script of its companion again if it was killed, or belongs to another version of this program
 * that is no longer installed. Rejects only with the reason of the signal.
 */
export async function keepCompanion(companion: Companion, options: KeepOptions): Promise<never> {
  const { isRunning, onRestart, onError, signal } = options;
  for (;;) {
    if ((await exists(companion.folder)) && !(await isCompanionKept(companion)) && (await isRunning())) {
      try {
        await stopCompanion(companion.folder);
        await rm(join(companion.folder, endedFile), { force: true });
        await startCompanion(companion);
        onRestart();
      } catch (error) {
        onError(error);
      }
    }
    await sleep(checkIntervalMs, signal);
  }
}

/** Whether the script of this companion runs, with this command. */
export async function isCompanionKept({ folder, failureFile, command }: Companion): Promise<boolean> {
  const line = ` ${name} ${folder} ${failureFile} ${command.join(' ')} ${folder} `;
  return (await listCommandLines(line)).length > 0;
}

/** Ends the companion, also one whose script was killed. Resolves when its processes are gone. */
export async function stopCompanion(folder: string): Promise<void> {
  await createFile(join(folder, endedFile)).catch((error: unknown) => {
    // Without its folder, it ends anyway; on a full disk it is killed.
    if (!['EEXIST', 'ENOENT', 'ENOTDIR', 'ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')) throw error;
  });
  const killAt = systemClock.now() + killAfterMs;
  for (;;) {
    const { scripts, programs } = await findProcesses(folder);
    if (scripts.length + programs.length === 0) return;
    // The script first, so that it starts no other.
    signalAll(scripts, 'SIGKILL');
    signalAll(programs, systemClock.now() < killAt ? 'SIGTERM' : 'SIGKILL');
    await sleep(pollMs);
  }
}

/** The folders of the companions that run now, relative to the folder `root`. */
export async function listCompanions(root: string): Promise<string[]> {
  const found = (await listCommandLines(` ${name} ${root}/`)).map(({ line }) => {
    const [, rest = ''] = line.split(` ${name} ${root}/`);
    return rest.split(' ', 1)[0] ?? '';
  });
  return [...new Set(found)];
}

async function findProcesses(folder: string) {
  const mine = (await listCommandLines(` ${folder} `)).filter(({ line }) => line.endsWith(` ${folder} `));
  const isScript = ({ line }: { line: string }) => line.includes(` ${name} ${folder} `);
  return { scripts: mine.filter(isScript), programs: mine.filter((each) => !isScript(each)) };
}

/** The processes whose command lines contain the text. */
async function listCommandLines(text: string): Promise<{ pid: number; line: string }[]> {
  const own = await pidNamespace('self');
  const found = (await listProcesses()).map(async ({ pid }) => {
    const line = await commandLine(pid);
    if (pid === process.pid || !line.includes(text)) return [];
    // A process in a container can have any command line.
    return (await pidNamespace(String(pid))) === own ? [{ pid, line }] : [];
  });
  return (await Promise.all(found)).flat();
}

/** Undefined for processes of other users, and on systems without namespaces. */
async function pidNamespace(pid: string): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/pid`).catch(() => undefined);
}

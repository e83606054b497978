import { constants } from 'node:fs';
import { access, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stateFolderRemedy } from '../config/paths.ts';
import { usageCommand } from '../lib/environment-failure.ts';
import { errorCode, formatError } from '../lib/errors.ts';
import { createFile } from '../lib/files.ts';
import { findFolderProblem } from '../lib/private-folder.ts';
import { shellQuote } from '../lib/shell-quote.ts';
import type { CheckContext } from './check.ts';
import { type Finding, failed, passed, type Remedy, warning } from './finding.ts';

/** State and logs can be written, and only their owner can access them. */
export async function checkFolders({
  paths: { stateDir, logDir },
}: Pick<CheckContext, 'paths'>): Promise<readonly Finding[]> {
  const [state, logs] = await Promise.all([checkFolder('state', stateDir), checkFolder('logs', logDir)]);
  const isWithin = logDir.startsWith(`${stateDir}/`);
  // Fixing a folder fixes the folders in it.
  return [state, isWithin && state.status === 'failed' ? { ...logs, remedies: [] } : logs];
}

async function checkFolder(subject: string, path: string): Promise<Finding> {
  const unusable = (reason: string, remedy: Remedy) => failed(subject, `${path} is not writable: ${reason}`, remedy);
  const inspect = (command: string) => ({ text: 'Choose another folder with --state-dir.', command });
  try {
    const existing = await existingParent(path);
    const { mode } = await stat(existing);
    const exists = existing === path;
    if (exists && !(await stat(path)).isDirectory()) {
      return unusable('it is a file', inspect(`ls -l ${shellQuote(path)}`));
    }
    const problem = await whyNotWritable(existing);
    if (problem !== undefined) {
      const reason = formatError(problem);
      if (exists) return unusable(reason, remedyFor(problem, path, takeOwnership(path)));
      // Never changes the parent, which may be a system folder.
      const create = `sudo install -d -m 700 -o "$(id -un)" ${shellQuote(path)}`;
      return unusable(`cannot create it in ${existing}: ${reason}`, remedyFor(problem, existing, create));
    }
    if (!exists) return passed(subject, `${path} will be created when the runner starts`);
    const unsafe = await findFolderProblem(path);
    if (unsafe !== undefined) {
      const { reason, remedy: text, command } = unsafe;
      return failed(subject, `${path} cannot be used: ${reason}`, { text, ...(command && { command }) });
    }
    if ((mode & 0o077) === 0) return passed(subject, path);
    const octal = (mode & 0o777).toString(8).padStart(4, '0');
    return warning(subject, `${path} is accessible to other users (mode ${octal})`, {
      text: 'Make it private.',
      command: `chmod 700 ${shellQuote(path)}`,
    });
  } catch (error) {
    return unusable(formatError(error), inspect(`ls -ld ${shellQuote(path)}`));
  }
}

/** Returns `path` if it exists, otherwise its nearest existing parent. */
export async function existingParent(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    const parent = dirname(path);
    if (!['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '') || parent === path) throw error;
    return existingParent(parent);
  }
}

const takeOwnership = (path: string) => `sudo chown -R "$(id -un)" ${shellQuote(path)}`;

function remedyFor(problem: unknown, path: string, grantAccess: string): Remedy {
  const isForbidden = ['EACCES', 'EPERM'].includes(errorCode(problem) ?? '');
  return { text: stateFolderRemedy(problem), command: isForbidden ? grantAccess : usageCommand(path) };
}

/** Writes a file, because modes show neither a full disk nor a read-only file system. */
async function whyNotWritable(folder: string): Promise<unknown> {
  const probe = join(folder, `.plan42-doctor-${process.pid}-${crypto.randomUUID()}`);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    await createFile(probe, 'x');
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
}

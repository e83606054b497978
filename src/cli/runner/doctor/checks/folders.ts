import { constants } from 'node:fs';
import { access, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, formatError } from '../../../../lib/errors.ts';
import { shellQuote } from '../../../../lib/shell-quote.ts';
import { stateFolderRemedy } from '../../../../runner/instance.ts';
import type { CheckContext } from '../check.ts';
import { existingParent } from '../existing-parent.ts';
import { combine, type Finding, failed, ok, type Remedy, warning } from '../finding.ts';

/** State and logs can be written, and only their owner can look into them. */
export async function checkFolders({ paths: { stateDir, logDir } }: Pick<CheckContext, 'paths'>): Promise<Finding> {
  const [state, logs] = await Promise.all([checkFolder('state', stateDir), checkFolder('logs', logDir)]);
  const isWithin = logDir.startsWith(`${stateDir}/`);
  // What mends a folder mends what is in it.
  return combine([state, isWithin && state.status === 'failed' ? { ...logs, remedies: [] } : logs]);
}

async function checkFolder(what: string, path: string): Promise<Finding> {
  const unusable = (reason: string, remedy: Remedy) => failed(`${what}: ${path} cannot be written: ${reason}`, remedy);
  const look = (command: string) => ({ text: 'Choose another one with --state-dir.', command });
  try {
    const existing = await existingParent(path);
    const { mode, uid } = await stat(existing);
    const isThere = existing === path;
    if (isThere && !(await stat(path)).isDirectory())
      return unusable('it is a file', look(`ls -l ${shellQuote(path)}`));
    const problem = await whyNotWritable(existing);
    if (problem !== undefined) {
      const reason = formatError(problem);
      if (isThere) return unusable(reason, remedyFor(problem, path, takeOver(path)));
      // Never the folder above: it can be one of the system's.
      const make = `sudo install -d -m 700 -o "$(id -un)" ${shellQuote(path)}`;
      return unusable(`${existing} does not let it be made: ${reason}`, remedyFor(problem, existing, make));
    }
    if (!isThere) return ok(`${what}: ${path} is made when the runner starts`);
    if (uid !== process.geteuid?.())
      return warning(`${what}: ${path} belongs to another user`, { text: 'Take it over.', command: takeOver(path) });
    if ((mode & 0o077) === 0) return ok(`${what}: ${path}`);
    return warning(`${what}: ${path} can be used by others (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`, {
      text: 'Keep it to yourself.',
      command: `chmod 700 ${shellQuote(path)}`,
    });
  } catch (error) {
    return unusable(formatError(error), look(`ls -ld ${shellQuote(path)}`));
  }
}

const takeOver = (path: string) => `sudo chown -R "$(id -un)" ${shellQuote(path)}`;

/** What to do about `problem` with `path`; `allow` is the command where it is one of permissions. */
function remedyFor(problem: unknown, path: string, allow: string): Remedy {
  const isForbidden = ['EACCES', 'EPERM'].includes(errorCode(problem) ?? '');
  return { text: stateFolderRemedy(problem), command: isForbidden ? allow : `df -h ${shellQuote(path)}` };
}

/** Why no file can be made there. Tried and not asked: a full disk or a read-only file system doesn't show in modes. */
async function whyNotWritable(folder: string): Promise<unknown> {
  const probe = join(folder, `.plan42-doctor-${process.pid}-${crypto.randomUUID()}`);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    await writeFile(probe, 'x', { flag: 'wx', mode: 0o600 });
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
}

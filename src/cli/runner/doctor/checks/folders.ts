import { constants } from 'node:fs';
import { access, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError } from '../../../../lib/errors.ts';
import { shellQuote } from '../../../../lib/shell-quote.ts';
import type { CheckContext } from '../check.ts';
import { existingParent } from '../existing-parent.ts';
import { combine, type Finding, failed, ok, warning } from '../finding.ts';

/** State and logs can be written, and only their owner can look into them. */
export async function checkFolders({ paths }: CheckContext): Promise<Finding> {
  const folders = { state: paths.stateDir, logs: paths.logDir };
  return combine(await Promise.all(Object.entries(folders).map(([what, path]) => checkFolder(what, path))));
}

async function checkFolder(what: string, path: string): Promise<Finding> {
  const unusable = (reason: string, command: string) =>
    failed(`${what}: ${path} cannot be written: ${reason}`, {
      text: 'Make it yours, or choose another one with --state-dir.',
      command,
    });
  try {
    const existing = await existingParent(path);
    const { mode, uid } = await stat(existing);
    const own = `sudo chown -R "$(id -un)" ${shellQuote(existing)}`;
    if (existing !== path) {
      const writable = (await canWriteTo(existing)) === undefined;
      if (!writable) return unusable(`${existing} does not let it be made`, own);
      return ok(`${what}: ${path} is made when the runner starts`);
    }
    if (!(await stat(path)).isDirectory()) return unusable('it is a file', `ls -l ${shellQuote(path)}`);
    const problem = await canWriteTo(path);
    if (problem !== undefined) return unusable(problem, own);
    if (uid !== process.geteuid?.())
      return warning(`${what}: ${path} belongs to another user`, { text: 'Take it over.', command: own });
    if ((mode & 0o077) === 0) return ok(`${what}: ${path}`);
    return warning(`${what}: ${path} can be used by others (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`, {
      text: 'Keep it to yourself.',
      command: `chmod 700 ${shellQuote(path)}`,
    });
  } catch (error) {
    return unusable(describeError(error), `ls -ld ${shellQuote(path)}`);
  }
}

/** Why no file can be made there. Tried and not asked: a full disk or a read-only file system doesn't show in modes. */
async function canWriteTo(folder: string): Promise<string | undefined> {
  const probe = join(folder, `.plan42-doctor-${process.pid}-${crypto.randomUUID()}`);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    await writeFile(probe, 'x', { flag: 'wx', mode: 0o600 });
    return undefined;
  } catch (error) {
    return describeError(error);
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
}

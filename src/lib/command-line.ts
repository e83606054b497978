import { readFile } from 'node:fs/promises';
import { errorCode } from './errors.ts';
import { runCommand } from './run-command.ts';

/**
 * With spaces between its words. Empty for a process that has ended, also when nobody has taken note of that yet, and for one
 * that this user may not see. Rejects where that can't be told: for want of file descriptors, say.
 */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(emptyIfUnseen)).replaceAll('\0', ' ');
  }
  const { stdout } = await runCommand('ps', ['-ww', '-o', 'args=', '-p', String(pid)], {
    env: { PATH: '/usr/bin:/bin' },
  });
  return stdout;
}

function emptyIfUnseen(error: unknown): string {
  if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(errorCode(error) ?? '')) return '';
  throw error;
}

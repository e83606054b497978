import { readFile } from 'node:fs/promises';
import { runCommand } from './run-command.ts';

/** With spaces between its words. Empty for a process that has ended, also when nobody has taken note of that yet. */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return line.replaceAll('\0', ' ');
  }
  const { stdout } = await runCommand('ps', ['-ww', '-o', 'args=', '-p', String(pid)], {
    env: { PATH: '/usr/bin:/bin' },
  });
  return stdout;
}

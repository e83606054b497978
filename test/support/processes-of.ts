import { commandLine, listProcesses } from '../../src/lib/processes.ts';

/** The companion of a job whose folder this is, and the script that keeps it running. */
export async function processesOf(folder: string): Promise<{ pid: number; line: string }[]> {
  const all = (await listProcesses()).map(async ({ pid }) => ({ pid, line: await commandLine(pid).catch(() => '') }));
  return (await Promise.all(all)).filter(({ line }) => line.endsWith(` ${folder} `));
}

/** Kills the companion, but not the script that starts it again. Returns whether there was one. */
export async function killCompanion(folder: string): Promise<boolean> {
  const found = (await processesOf(folder)).filter(({ line }) => !line.includes('plan42-companion'));
  for (const { pid } of found) process.kill(pid, 'SIGKILL');
  return found.length > 0;
}

import { runCommand } from '../lib/run-command.ts';

/** When a process was started, to the second; undefined when there is none with this ID. */
export async function startedAt(pid: number, env: NodeJS.ProcessEnv): Promise<Date | undefined> {
  const options = { env: { PATH: env['PATH'], LC_ALL: 'C', TZ: 'UTC' } };
  const { stdout } = await runCommand('ps', ['-o', 'lstart=', '-p', String(pid)], options);
  const date = new Date(`${stdout.trim()} UTC`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

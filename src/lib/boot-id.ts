import { readText } from './read-file.ts';
import { runCommand } from './run-command.ts';

// Cannot change during the life of this process.
let bootId: Promise<string | undefined> | undefined;

/** Changes with each restart of the machine. Undefined if the system has no boot ID. */
export function readBootId(): Promise<string | undefined> {
  bootId ??= (process.platform === 'linux' ? fromProc() : fromSysctl()).catch(() => undefined);
  return bootId;
}

async function fromProc(): Promise<string> {
  return (await readText('/proc/sys/kernel/random/boot_id')).trim();
}

async function fromSysctl(): Promise<string | undefined> {
  const env = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };
  const { exitCode, stdout } = await runCommand('sysctl', ['-n', 'kern.bootsessionuuid'], { env, timeoutMs: 5000 });
  return exitCode === 0 ? stdout.trim() : undefined;
}

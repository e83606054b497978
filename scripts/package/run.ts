import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const maxOutputBytes = 64 * 1024 * 1024;

/** Runs a command and returns its output. @throws Error with its standard error if it fails */
export async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { ...options, maxBuffer: maxOutputBytes });
  return stdout;
}

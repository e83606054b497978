import { errorCode } from '../../lib/errors.ts';
import { runCommand } from '../../lib/run-command.ts';

const minMajorVersion = 26;
const timeoutMs = 5000;

/**
 * Why Apple's container can't run on this machine; undefined if it can. Queries macOS and not Node.js, which reports "x64"
 * if it is translated on Apple silicon.
 */
export async function whyUnsuitable(env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<string | undefined> {
  const query = async (command: string, ...args: string[]) => {
    try {
      return (await runCommand(command, args, { env, signal, timeoutMs })).stdout.trim();
    } catch (error) {
      signal?.throwIfAborted();
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  };
  const [version, hasArm] = await Promise.all([
    query('sw_vers', '-productVersion'),
    query('sysctl', '-n', 'hw.optional.arm64'),
  ]);
  if (version === undefined) return 'this is not macOS';
  if (hasArm !== '1') return 'this Mac has no Apple silicon';
  if (Number.parseInt(version, 10) < minMajorVersion) return `this is macOS ${version}`;
  return undefined;
}

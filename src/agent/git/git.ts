import { dirname } from 'node:path';
import { errorCode } from '../../lib/errors.ts';
import { runCommand } from '../../lib/run-command.ts';
import { TurnFailure } from '../failures.ts';

/** Runs git in one folder. */
export interface Git {
  folder: string;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
}

/** git exited with an error. */
export class GitError extends Error {
  override readonly name = 'GitError';
  readonly exitCode: number | undefined;
  /** Everything that git printed, in English. */
  readonly output: string;

  constructor(args: readonly string[], exitCode: number | undefined, output: string) {
    const lines = output.trim().split('\n');
    super(`git ${args[0]} ${exitCode === undefined ? 'was killed' : 'failed'}: ${lines.at(-1) ?? ''}`);
    this.exitCode = exitCode;
    this.output = output;
  }

  /** Whether git or a program of it was killed, such as when memory ran out. */
  get wasKilled(): boolean {
    return this.exitCode === undefined || / died of signal \d/.test(this.output);
  }
}

// The names of a hundred thousand files.
const maxOutputBytes = 64 * 1024 * 1024;

/**
 * Returns what git prints to standard output, without the line break at its end. `onWarning` gets standard error.
 * @throws GitError, TurnFailure without git, or the signal's reason
 */
export async function git(
  { folder, env, signal }: Git,
  args: readonly string[],
  { input, onWarning }: { input?: string; onWarning?: (text: string) => void } = {},
): Promise<string> {
  // If the folder is no repository, git must not find one around it.
  const own = { ...env, GIT_CEILING_DIRECTORIES: dirname(folder) };
  const options = { env: own, signal, maxOutputBytes, ...(input !== undefined && { input: bytesOf(input) }) };
  const { exitCode, stdout, stderr } = await runCommand('git', ['-C', folder, ...args], options).catch(
    (error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw error;
      throw new TurnFailure('git is not installed in the image.', { remedy: 'Add it to the image.', cause: error });
    },
  );
  if (exitCode !== 0) throw new GitError(args, exitCode, stderr + stdout);
  if (stderr !== '') onWarning?.(stderr);
  return stdout.replace(/\n$/, '');
}

/** Returns undefined if git exits with an error. */
export async function tryGit(
  repository: Git,
  args: readonly string[],
  options: { input?: string } = {},
): Promise<string | undefined> {
  try {
    return await git(repository, args, options);
  } catch (error) {
    if (error instanceof GitError) return undefined;
    throw error;
  }
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

import { errorCode } from '../../lib/errors.ts';
import { type CommandOptions, type CommandResult, runCommand } from '../../lib/run-command.ts';

/** Git is not installed where the server runs, or is too incomplete. */
export class GitMissing extends Error {
  constructor() {
    super('git is not installed on the machine of the server');
  }
}

/** The environment of git: nothing of the user's configuration applies, and nothing asks for input. */
export function gitEnvironment({ PATH }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...(PATH === undefined ? {} : { PATH }),
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
  };
}

/** Settings for every command. The data folder may belong to another user, and then git would refuse it. */
export const gitSettings: readonly string[] = [
  '-c',
  'safe.directory=*',
  '-c',
  'gc.auto=0',
  '-c',
  'core.hooksPath=/dev/null',
];

/** Runs a git command on a repository. @throws GitMissing; Error with what git printed if it fails */
export async function runGit(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  options: Pick<CommandOptions, 'signal' | 'input'> = {},
): Promise<string> {
  let result: CommandResult;
  try {
    result = await runCommand('git', [...gitSettings, ...args], { env: gitEnvironment(env), ...options });
  } catch (error) {
    throw errorCode(error) === 'ENOENT' ? new GitMissing() : error;
  }
  if (result.exitCode === 0) return result.stdout;
  throw new Error(`git ${args.find((arg) => !arg.startsWith('-')) ?? ''} failed: ${result.stderr.trim()}`);
}

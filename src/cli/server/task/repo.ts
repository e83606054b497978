import { ExitCode, UserError } from '../../../lib/errors.ts';

export interface Repo {
  /** `org/repo` */
  name: string;
  targetBranch: string;
}

/**
 * Reads `org/repo` or `org/repo:branch`.
 * @throws UserError
 */
export function parseRepo(text: string): Repo {
  const [, name, branch = 'main'] = /^([\w.-]+\/[\w.-]+)(?::([^\s:]+))?$/.exec(text) ?? [];
  if (name !== undefined) return { name, targetBranch: branch };
  const remedy = 'Give it as org/repo, or org/repo:branch for another target branch than main.';
  throw new UserError(`${text} is not a repository`, { remedy, exitCode: ExitCode.usage });
}

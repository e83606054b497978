import { ExitCode, UserError } from '../../../lib/errors.ts';
import { type Repo, readRepo } from '../../../plan42/task-input.ts';

/**
 * Reads `org/repo` or `org/repo:branch`.
 * @throws UserError
 */
export function parseRepo(text: string): Repo {
  const repo = readRepo(text);
  if (repo !== undefined) return repo;
  const remedy = 'Give it as org/repo, or org/repo:branch for another target branch than main.';
  throw new UserError(`${text} is not a repository`, { remedy, exitCode: ExitCode.usage });
}

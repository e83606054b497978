/** Turns the errors of git into sentences with remedies. */
import { TurnFailure } from '../../../agent/failures.ts';
import { GitError } from '../../../agent/git/git.ts';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { shellQuote } from '../../../lib/shell-quote.ts';

interface Explanation {
  pattern: RegExp;
  /** Gets the match. */
  explain: (found: RegExpExecArray) => { message: string; remedy: string };
}

const explanations: readonly Explanation[] = [
  {
    pattern: /No space left on device|Disk quota exceeded/,
    explain: () => ({ message: 'the disk of the repository is full', remedy: 'Free disk space. Run: df -h .' }),
  },
  {
    pattern: /dubious ownership in repository at '([^\n]{1,4096})'/,
    explain: ([, path = '.']) => ({
      message: `git does not trust the repository ${path}, because another user owns it`,
      remedy: `If you trust it, run: git config --global --add safe.directory ${shellQuote(path)}`,
    }),
  },
  {
    pattern: /must be run in a work tree/,
    explain: () => ({ message: 'this folder is inside of a .git folder', remedy: 'Change to the work tree.' }),
  },
  {
    pattern: /from promisor remote|could not fetch [0-9a-f]{40} /,
    explain: () => ({
      message: 'objects are missing in this partial clone, and its remote does not provide them',
      remedy: 'Make the remote reachable: see "git remote -v" and "git fetch".',
    }),
  },
  {
    pattern: /Unable to create '([^'\n]{1,4096})': File exists/,
    explain: ([, path = '']) => ({
      message: 'another git process uses the repository',
      remedy: `Wait for it. If there is none, delete ${shellQuote(path)}.`,
    }),
  },
  {
    pattern: /cannot lock ref '([^'\n]{1,1000})': '([^'\n]{1,1000})' exists/,
    explain: ([, wanted, present]) => ({
      message: `cannot create ${wanted}, because ${present} exists`,
      remedy: 'Rename that branch.',
    }),
  },
  {
    pattern: /Permission denied|insufficient permission|Read-only file system|Operation not permitted/,
    explain: ([why = '']) => ({
      message: `cannot write to the repository: ${why.toLowerCase()}`,
      remedy: 'Check the owner and the permissions of its .git folder.',
    }),
  },
  {
    pattern:
      /object file [^ ]{1,4096} is empty|loose object [^ ]{1,4096} [^ ]{1,4096} is corrupt|index file smaller|bad (?:object|tree|signature)|missing (?:blob|tree|commit)|unable to read (?:tree|sha1|[0-9a-f]{40})/,
    explain: ([why]) => ({ message: `the repository is damaged: ${why}`, remedy: 'Run: git fsck' }),
  },
];

/** Runs what uses the user's repository. An error of git that nothing else has explained becomes a UserError. */
export async function explainingGit<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof GitError) throw explainGit(error);
    if (error instanceof TurnFailure)
      throw new UserError('git is not installed', {
        remedy: 'Install git.',
        exitCode: ExitCode.configuration,
        cause: error,
      });
    throw error;
  }
}

/** @param what the part of a sentence that follows "cannot", such as "send the repository" */
export function explainGit(error: GitError, what?: string, exitCode: ExitCode = ExitCode.failed): UserError {
  for (const { pattern, explain } of explanations) {
    const found = pattern.exec(error.output);
    if (found === null) continue;
    const { message, remedy } = explain(found);
    return new UserError(what === undefined ? message : `cannot ${what}: ${message}`, { remedy, exitCode });
  }
  const reason = reasonOf(error);
  return what === undefined
    ? new UserError(`git cannot work with the repository: ${reason}`, { remedy: 'Run: git status', exitCode })
    : new UserError(`cannot ${what}: ${reason}`, { exitCode });
}

/** The first line of git that names an error. */
function reasonOf({ output, message }: GitError): string {
  const line = output.split('\n').find((text) => /^(?:remote: )?(?:error|fatal): /.test(text));
  return line?.replace(/^(?:remote: )?(?:error|fatal): /, '').trim() || message;
}

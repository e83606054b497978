import { diskFull, TurnFailure } from '../failures.ts';
import { GitError } from './git.ts';

export interface GitAction {
  doing: 'clone' | 'push to';
  /** `org/repo` */
  repo: string;
  url: string;
  isOnGithub: boolean;
  log: (line: string) => void;
}

type Cause =
  | 'killed'
  | 'gateway'
  | 'diskFull'
  | 'unreachable'
  | 'certificate'
  | 'tooLarge'
  | 'protected'
  | 'workflow'
  | 'noAccess'
  | 'refused'
  | 'missing';

/** Parts of the output of git and of servers, in lower case. The first cause that matches is the right one. */
const texts: readonly (readonly [Cause, ...string[]])[] = [
  ['gateway', 'remote: plan42: '],
  ['diskFull', 'no space left on device', 'disk quota exceeded'],
  ['unreachable', 'could not resolve host', 'failed to connect', "couldn't connect", 'connection refused'],
  ['unreachable', 'connection timed out', 'connection reset', 'operation too slow', 'could not resolve proxy'],
  ['certificate', 'certificate'],
  ['tooLarge', 'gh001', 'exceeds github', 'file size limit'],
  ['workflow', 'without `workflow` scope', 'without `workflows` permission'],
  ['protected', 'gh006', 'gh013', 'protected branch', 'rule violations', 'hook declined'],
  ['noAccess', 'error: 403', 'write access to repository not granted', 'permission to '],
  ['refused', 'could not read username', 'terminal prompts disabled', 'authentication failed', 'error: 401'],
  ['missing', 'error: 404', 'not found', 'does not appear to be a git repository'],
];
const transient = [
  ...['early eof', 'unexpected disconnect', 'rpc failed', 'connection reset', 'connection timed out'],
  ...['connection refused', 'could not resolve host', 'failed to connect', "couldn't connect", 'operation too slow'],
  ...['error: 500', 'error: 502', 'error: 503', 'error: 504', 'error: 429', 'recv error', 'ssl_read', 'empty reply'],
];

/** Whether another attempt may succeed. */
export function isTransientGitError(error: unknown): boolean {
  if (!(error instanceof GitError)) return false;
  const output = error.output.toLowerCase();
  return error.wasKilled || transient.some((text) => output.includes(text));
}

/** Whether objects of the repository are missing or unreadable. */
export function isDamage({ output }: GitError): boolean {
  return /bad object|bad tree object|missing (?:blob|tree|commit|object)|unable to read|is corrupt|bad sha1 file|invalid object/i.test(
    output,
  );
}

/** Returns the failure of a turn that an error of git causes. */
export function explainGitError(error: unknown, action: GitAction): unknown {
  if (!(error instanceof GitError)) return error;
  const output = error.output.toLowerCase();
  const [found] = texts.find(([, ...found]) => found.some((text) => output.includes(text))) ?? [];
  const cause = found ?? (error.wasKilled ? 'killed' : undefined);
  if (cause === 'diskFull') return diskFull(error);
  if (cause === undefined) action.log(error.output.trim());
  const [reason, remedy] = sentencesFor(cause, error.output, action);
  return new TurnFailure(`cannot ${action.doing} ${action.repo}: ${reason}`, { remedy, cause: error });
}

function sentencesFor(
  cause: Exclude<Cause, 'diskFull'> | undefined,
  output: string,
  { doing, repo, url, isOnGithub }: GitAction,
): [reason: string, remedy: string] {
  const host = URL.parse(url)?.host ?? url;
  const giveAccess = isOnGithub
    ? `Give the token of the GitHub connection ${doing === 'clone' ? 'read' : 'write'} access to ${repo}.`
    : 'Check who may use the repository.';
  switch (cause) {
    case 'gateway':
      return refusalIn(output);
    case 'killed':
      return ['git was killed.', 'If memory ran out, raise jobs.memory_gib of the runner, then repeat the turn.'];
    case 'unreachable':
      return [
        `${host} is not reachable.`,
        `Check the network of the runner's machine, and allow ${host} if the environment limits its hosts.`,
      ];
    case 'certificate':
      return [
        `the certificate of ${host} is not trusted.`,
        'Set network.ca_file of the runner to a file with its authority.',
      ];
    case 'tooLarge':
      return [
        `the file ${/\bFile (\S{1,300}) is /.exec(output)?.[1] ?? 'of a commit'} is too large for ${host}.`,
        'Ask for the change without it, or use Git LFS.',
      ];
    case 'workflow':
      return [
        'the token may not change workflows.',
        'Give the token of the GitHub connection the permission for workflows.',
      ];
    case 'protected':
      return [
        `a rule of the repository protects the branch${ruleIn(output)}.`,
        'Change the rule, or set another feature branch for the task.',
      ];
    case 'noAccess':
      return [`the token has no access (${host} responded with 403).`, giveAccess];
    case 'refused':
      return [`${host} refused the token, or there is none.`, giveAccess];
    case 'missing':
      return [`there is no such repository on ${host}, or the token cannot see it.`, giveAccess];
    case undefined:
      return [lastReason(output), 'Repeat the turn. The log contains the output of git.'];
  }
}

function ruleIn(output: string): string {
  const line = output.split('\n').find((line) => /^remote: (?:error: )?GH\d{3}:|^remote: error:/.test(line));
  const rule = line?.replace(/^remote: (?:error: )?(?:GH\d{3}: )?/, '').trim() ?? '';
  return rule === '' ? '' : ` (${rule.slice(0, 200).replace(/\.$/, '')})`;
}

/** Returns the sentence with which git failed. */
export function lastReason(output: string): string {
  const lines = output.trim().split('\n');
  const line = lines.findLast((line) => /^(?:fatal|error|remote):/.test(line)) ?? lines.at(-1) ?? '';
  return line.replace(/^(?:fatal|error|remote): */, '').slice(0, 300) || 'git failed.';
}

/** Reads a refusal of the job's gateway, which it wrote in place of the server: a clause and a sentence. */
function refusalIn(output: string): [reason: string, remedy: string] {
  const begin = 'remote: plan42: ';
  const line = output.split('\n').find((each) => each.startsWith(begin)) ?? begin;
  const [what = '', ...remedy] = line.slice(begin.length).trim().slice(0, 1000).split('. ');
  return [`the runner does not allow it: ${what}.`, remedy.join('. ')];
}

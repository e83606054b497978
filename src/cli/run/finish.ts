/** Follows a turn, and brings its result back. */
import { GitError } from '../../agent/git/git.ts';
import { ExitCode, isAbort, UserError } from '../../lib/errors.ts';
import { printableLine } from '../../lib/printable.ts';
import { shellQuote } from '../../lib/shell-quote.ts';
import type { AdminTask, AdminTurn } from '../../plan42/admin-objects.ts';
import { conflictBranch, hostedRepo } from '../../plan42/hosted-repositories.ts';
import { turnWord } from '../../plan42/turn-status.ts';
import type { CliContext } from '../context.ts';
import { print, renderJson } from '../output.ts';
import { throwIfFailed, watchTurn } from '../server/follow-turn.ts';
import type { LocationOptions } from '../server/location.ts';
import { cancelTurn } from '../server/task/cancel.ts';
import { personalWords } from '../server/task-words.ts';
import { type ServerConnection, withServer } from '../server/with-server.ts';
import { applyChanges, type Changes, changesOf } from './git/changes.ts';
import { fetchTask, hostedRemote, updateBranch } from './git/exchange.ts';
import { explainGit } from './git/explain.ts';
import type { LocalRepository } from './git/local-repository.ts';
import { askAtInterrupt } from './interrupt.ts';
import { liveLines } from './live-lines.ts';
import type { ResultOptions } from './options.ts';
import type { PullRequestPlan } from './pull-request.ts';
import { waitingReason } from './service/waiting-reason.ts';

export interface FinishInput {
  server: ServerConnection;
  repository: LocalRepository;
  task: AdminTask;
  turn: AdminTurn;
  options: ResultOptions & LocationOptions;
  pullRequest: PullRequestPlan | undefined;
}

/** The output of `--json`; docs/schemas/run.json. */
interface RunDocument {
  taskId: string;
  turnIndex: number;
  status: string;
  message: string | null;
  error: string | null;
  branch: string | null;
  base: string | null;
  commit: string | null;
  commits: number;
  files: number;
  insertions: number;
  deletions: number;
  applied: boolean;
  pullRequest: string | null;
  conflictBranch: string | null;
}

/** @throws UserError if the turn failed or was cancelled */
export async function finishTurn(context: CliContext, input: FinishInput): Promise<void> {
  const { stdout, stderr, signal } = context;
  const { options, task, turn } = input;
  const short = task.TaskId.slice(0, 8);
  if (options.detach) {
    if (options.json) return print(stdout, renderJson(documentOf(turn, undefined)), signal);
    await print(stdout, `${task.TaskId}\n`, signal);
    stderr.write(laterHint(short));
    return;
  }
  stderr.write(`Task ${short}: ${printableLine(task.Title)}\n`);
  const finished = await follow(context, input);
  if (finished === undefined) {
    stderr.write(laterHint(short));
    return;
  }
  const result = await takeResult(context, input, finished);
  if (options.json) await print(stdout, renderJson(documentOf(finished, result)), signal);
  else await print(stdout, describe(finished, short, result), signal);
  await throwIfFailed(input.server.client, finished, personalWords);
  if (result?.failure !== undefined) throw result.failure;
}

/** Returns the finished turn, or undefined if the user has detached. */
async function follow(context: CliContext, { server, turn, options }: FinishInput): Promise<AdminTurn | undefined> {
  const { stdout, stderr } = context;
  using live = liveLines(context, options.json ? stderr : stdout);
  using interruption = askAtInterrupt(context, live);
  const personal = { ...options, personal: true };
  try {
    const onStatus = (turn: AdminTurn) => live.setStatus(turnWord(turn));
    const { client } = server;
    const waiting = {
      why: (signal: AbortSignal) => waitingReason(context, personal, signal),
      note: (text: string) => live.note(text),
    };
    return await watchTurn({ client, turn, lines: live.lines, onStatus, waiting, signal: interruption.signal });
  } catch (error) {
    if (!isAbort(error, interruption.signal)) throw error;
    live[Symbol.dispose]();
    if (interruption.decision() === 'detach') return undefined;
    await cancel(context, options, turn);
    throw new UserError(`turn ${turn.TurnIndex} of task ${turn.TaskId} was cancelled`, {
      remedy: `See what it had done with "plan42 task diff ${turn.TaskId.slice(0, 8)}".`,
      exitCode: ExitCode.interrupted,
    });
  }
}

const cancelTimeoutMs = 10_000;

/** The signal of the command may be aborted already. */
async function cancel(context: CliContext, options: LocationOptions, turn: AdminTurn): Promise<void> {
  const own = { ...context, signal: AbortSignal.timeout(cancelTimeoutMs) };
  await withServer(own, { ...options, personal: true }, async ({ client }) => {
    const current = await client.getTurn(turn.TaskId, turn.TurnIndex);
    await cancelTurn(client, current).catch((error: unknown) => {
      // It has finished in the meantime.
      if (!(error instanceof UserError)) throw error;
    });
  });
}

interface Result {
  changes: Changes;
  /** How git knows the branch in the user's repository. */
  name: string;
  featureBranch: string;
  /** How git knows the work of the turn that conflicts with the branch. Undefined if there is none. */
  conflict: string | undefined;
  applied: boolean;
  pullRequest: string | undefined;
  /** Why the changes could not be applied, or the pull request not opened. */
  failure: UserError | undefined;
}

/** Fetches the branch, and does with it what the options say. Undefined if nothing was changed. */
async function takeResult(context: CliContext, input: FinishInput, turn: AdminTurn): Promise<Result | undefined> {
  const { repository, task, options, pullRequest } = input;
  const fetched = await fetchResult(context, input);
  if (fetched === undefined || (fetched.changes.files === 0 && fetched.conflict === undefined)) return undefined;
  const result: Result = { ...fetched, applied: false, pullRequest: undefined, failure: undefined };
  if (turn.Status === 'Failed') return result;
  try {
    if (options.apply) await applyChanges(repository, fetched.changes, fetched.name);
    result.applied = options.apply === true;
    result.pullRequest = await pullRequest?.open({
      commit: fetched.changes.commit,
      branch: fetched.name.startsWith('refs/') ? fetched.featureBranch : fetched.name,
      title: task.Title,
      body: turn.OutputMessage ?? '',
    });
  } catch (error) {
    const failure = error instanceof GitError ? explainGit(error) : error;
    if (!(failure instanceof UserError)) throw failure;
    result.failure = failure;
  }
  return result;
}

/** Fetches the branch of a task into the user's repository. Undefined if the agent has not pushed anything. */
export async function fetchResult(
  { stdout }: CliContext,
  { server, repository, task, turn }: Pick<FinishInput, 'server' | 'repository' | 'task'> & { turn?: AdminTurn },
) {
  const featureBranch = task.RepoInfo?.[hostedRepo(repository.hostedName)]?.FeatureBranch;
  if (!featureBranch) {
    const names = Object.keys(task.RepoInfo ?? {}).join(', ') || 'no repository';
    throw new UserError(`task ${task.TaskId.slice(0, 8)} is not of this repository, but of ${printableLine(names)}`, {
      remedy: 'Change to the folder in which you ran "plan42 run".',
    });
  }
  const remote = hostedRemote(repository, server.location, server.tenantId);
  const turnIndex = turn?.TurnIndex;
  const { TaskId: taskId } = task;
  const refs = await fetchTask(remote, { taskId, featureBranch, ...(turnIndex !== undefined && { turnIndex }) });
  if (refs === undefined) return undefined;
  const changes = await changesOf(repository.git, refs, stdout.columns);
  const name = await updateBranch(repository.git, refs.branch, featureBranch);
  const conflict =
    refs.conflict === undefined || turnIndex === undefined
      ? undefined
      : await updateBranch(repository.git, refs.conflict, conflictBranch(featureBranch, turnIndex));
  return { changes, name, featureBranch, conflict };
}

function describe({ Status }: AdminTurn, short: string, result: Result | undefined): string {
  if (result === undefined) return Status === 'Failed' ? '' : 'The agent changed nothing.\n';
  const { changes, name, applied, pullRequest, conflict } = result;
  const conflicting =
    conflict === undefined
      ? ''
      : `\nThe work of this turn conflicts with the branch. It is in ${printableLine(conflict)}.\nMerge both:    git merge ${shellQuote(name)} && git merge ${shellQuote(conflict)}\n`;
  const commits = `${changes.commits} ${changes.commits === 1 ? 'commit' : 'commits'}`;
  const takeOver = applied
    ? 'Applied to your files, not committed: see "git diff".\n'
    : `Take it over:  git merge ${shellQuote(name)}\nor uncommitted: plan42 task apply ${short}\n`;
  return `
Branch ${printableLine(name)}, ${commits}:
${changes.stat}
${conflicting}
${pullRequest === undefined ? takeOver : `Pull request: ${printableLine(pullRequest)}\n`}Next turn:     plan42 run --turn ${short} "…"
`;
}

function laterHint(short: string): string {
  return `The task runs on. See it with "plan42 task follow ${short}", and take its changes over with "plan42 task apply ${short}".\n`;
}

function documentOf(turn: AdminTurn, result: Result | undefined): RunDocument {
  const { changes } = result ?? {};
  return {
    taskId: turn.TaskId,
    turnIndex: turn.TurnIndex,
    status: turn.Status,
    message: turn.OutputMessage ?? null,
    error: turn.ErrorMessage ?? result?.failure?.message ?? null,
    branch: result?.name ?? null,
    base: changes?.base ?? null,
    commit: changes?.commit ?? null,
    commits: changes?.commits ?? 0,
    files: changes?.files ?? 0,
    insertions: changes?.insertions ?? 0,
    deletions: changes?.deletions ?? 0,
    applied: result?.applied ?? false,
    pullRequest: result?.pullRequest ?? null,
    conflictBranch: result?.conflict ?? null,
  };
}

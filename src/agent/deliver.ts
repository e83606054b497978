/** Delivers the agent's changes: commit, push, pull request, replies. */
import { commitMessage } from './commit-message.ts';
import { failureMessage, TurnFailure } from './failures.ts';
import type { Clone } from './git/clone.ts';
import { type CommitOptions, type Committed, commitAll, restoreAndCommit } from './git/commit.ts';
import { isDamage } from './git/explain.ts';
import { GitError } from './git/git.ts';
import { type KeepOptions, keepFiles, keepRepository, keepWork } from './git/keep.ts';
import { LfsFailure } from './git/lfs.ts';
import { conflictsWithTarget, headOf, inFiles, push } from './git/push.ts';
import type { Github } from './github/client.ts';
import { ensurePullRequest, type PullRequest, statusOf, type Wanted } from './github/pull-request.ts';
import { postReplies } from './github/replies.ts';
import type { Answer } from './prompt/answers.ts';
import type { Feedback } from './prompt/feedback.ts';
import type { TaskUpdates } from './task-updates.ts';
import { taskPage } from './turn/api.ts';
import type { AgentRequest } from './turn/request.ts';
import type { TurnReporter } from './turn/turn-reporter.ts';

export interface DeliverDeps {
  request: AgentRequest;
  turn: TurnReporter;
  task: TaskUpdates;
  github: Github | undefined;
  env: NodeJS.ProcessEnv;
  /** The agent's name. */
  agent: string;
}

export type Commits = Record<string, { BaselineCommitHash: string | null; LastCommitHash: string | null }>;

export interface Saved {
  commits: Commits;
  /** Where the work is that could not be pushed, and other sentences for people. */
  notes: string[];
  failures: string[];
  /** Whether there was work that is in no commit. */
  hasUncommitted: boolean;
}

/** Commits and pushes what is there. Each repository for itself, and never rejects. */
export async function save(clones: readonly Clone[], summary: string, deps: DeliverDeps): Promise<Saved> {
  const saved: Saved = { commits: {}, notes: [], failures: [], hasUncommitted: false };
  for (const clone of clones) await saveOne(clone, summary, deps, saved);
  deps.turn.update({ CommitInfo: saved.commits });
  return saved;
}

async function saveOne(clone: Clone, summary: string, deps: DeliverDeps, saved: Saved): Promise<void> {
  const { request, turn, task, env, agent } = deps;
  const { name, featureBranch, targetBranch, baseline } = clone;
  const log = (line: string) => turn.log(line);
  const id = `${request.taskId}-${request.turnIndex}`;
  const options: CommitOptions = { message: commitMessage(request, { summary, agent }), env, id, log };
  const before = clone.pushed;
  try {
    await commitOne(clone, options, saved);
    clone.pushed = await pushOne(clone, options, deps);
  } catch (error) {
    saved.failures.push(failureMessage(error));
    const kept = error instanceof TurnFailure && error.isWorkSaved ? '' : await tryKeep(() => keepWork(clone, options));
    if (kept !== '') saved.notes.push(kept);
    if (error instanceof LfsFailure && error.paths.length > 0) {
      const contents = await tryKeep(() => keepFiles(clone, error.paths, options));
      saved.notes.push(`The contents of Git LFS${inFiles(error.paths)}: ${contents}`);
    }
  }
  const { pushed } = clone;
  saved.commits[name] = { BaselineCommitHash: baseline ?? null, LastCommitHash: pushed ?? baseline ?? null };
  if (pushed === undefined || pushed === before) return;
  turn.log(`Pushed ${pushed.slice(0, 10)} to ${featureBranch} of ${name}.`);
  await task.set(name, { FeatureBranch: featureBranch, TargetBranch: targetBranch });
}

/** Commits what can be committed, and keeps the rest. Never rejects, so that what is committed is pushed. */
async function commitOne(clone: Clone, options: CommitOptions, saved: Saved): Promise<void> {
  const { name } = clone;
  try {
    await noteUncommitted(clone, await commitAll(clone, options), options, saved);
  } catch (error) {
    saved.hasUncommitted = true;
    const failure = failureMessage(error);
    options.log(error instanceof GitError ? error.output.trim() : failure);
    if (error instanceof TurnFailure && error.isWorkSaved) return void saved.failures.push(failure);
    const kept = await tryKeep(() => keepFiles(clone, ['.'], options));
    saved.failures.push([`cannot commit the changes of ${name}: ${failure}`, kept].join(' '));
  }
}

async function noteUncommitted(
  clone: Clone,
  { refused, leftOut, notes }: Committed,
  options: KeepOptions,
  saved: Saved,
): Promise<void> {
  const { name } = clone;
  saved.notes.push(...notes);
  for (const path of leftOut) {
    const kept = await tryKeep(() => keepRepository(clone, path, options));
    if (kept !== '') saved.hasUncommitted = true;
    const parts = [`${path} of ${name} was not committed, because it is a repository of its own.`, kept];
    saved.notes.push(parts.filter((part) => part !== '').join(' '));
  }
  const [first] = refused;
  if (first === undefined) return;
  saved.hasUncommitted = true;
  const paths = refused.map(({ path }) => path);
  const kept = await tryKeep(() => keepFiles(clone, paths, options));
  saved.failures.push(`cannot commit changes of ${name}${inFiles(paths)}: ${first.reason}. ${kept}`.trim());
}

function tryKeep(keep: () => Promise<string>): Promise<string> {
  return keep().catch((error: unknown) => `It could not be kept: ${failureMessage(error)}`);
}

/** Pushes, and if the repository turns out to be damaged, restores it and pushes again. */
async function pushOne(
  clone: Clone,
  options: CommitOptions,
  { request, env }: DeliverDeps,
): Promise<string | undefined> {
  const pushOptions = { env, turnIndex: request.turnIndex, log: options.log };
  try {
    return await push(clone, pushOptions);
  } catch (error) {
    const { cause } = error as Error;
    if (!(cause instanceof GitError && isDamage(cause))) throw error;
    await restoreAndCommit(clone, options);
    return await push(clone, pushOptions);
  }
}

/** Opens or updates the pull requests, which name each other, and answers the comments. Adds what went wrong to `saved`. */
export async function propose(
  clones: readonly Clone[],
  { answer, feedback, saved }: { answer: Answer; feedback: readonly Feedback[]; saved: Saved },
  deps: DeliverDeps,
): Promise<void> {
  const links = new Map(Object.entries(deps.request.repoInfo).map(([name, { PRLink }]) => [name, PRLink ?? '']));
  const described = new Map<Clone, string>();
  for (const clone of clones) {
    const section = () => description(deps.request, answer.summary, othersOf(clone, links));
    try {
      described.set(clone, section());
      const pullRequest = await proposeOne(clone, { answer, feedback, section: section() }, deps, saved);
      if (pullRequest === undefined) described.delete(clone);
      else links.set(clone.name, pullRequest.html_url);
    } catch (error) {
      described.delete(clone);
      saved.failures.push(failureMessage(error));
    }
  }
  // The first of them could not name those that were opened after it.
  for (const [clone, before] of described) {
    const section = description(deps.request, answer.summary, othersOf(clone, links));
    if (section === before || deps.github === undefined) continue;
    await ensurePullRequest(deps.github, wanted(clone, deps.request, section)).catch((error: unknown) => {
      saved.notes.push(`The links between the pull requests are incomplete: ${failureMessage(error)}`);
    });
  }
}

function othersOf({ name }: Clone, links: ReadonlyMap<string, string>): string[] {
  return [...links].flatMap(([other, link]) => (other === name || link === '' ? [] : [link])).toSorted();
}

function wanted({ name, featureBranch, targetBranch }: Clone, { title }: AgentRequest, section: string): Wanted {
  return { repo: name, featureBranch, targetBranch, title, section };
}

async function proposeOne(
  clone: Clone,
  { answer, feedback, section }: { answer: Answer; feedback: readonly Feedback[]; section: string },
  deps: DeliverDeps,
  saved: Saved,
): Promise<PullRequest | undefined> {
  const { request, turn, task, github, env } = deps;
  const { name, targetBranch, featureBranch, pushed } = clone;
  if (pushed === undefined) return undefined;
  const conflicts = await conflictsWithTarget(clone, env);
  if (conflicts.length > 0) {
    saved.notes.push(
      `The branch ${featureBranch} conflicts with ${targetBranch} of ${name}${inFiles(conflicts)}. Ask for a merge of ${targetBranch} in the next turn.`,
    );
  }
  if (github === undefined || !clone.isOnGithub || targetBranch === '' || targetBranch === featureBranch) {
    return undefined;
  }
  turn.update({ Status: 'Updating the Pull Request' });
  const pullRequest = await ensurePullRequest(github, wanted(clone, request, section));
  turn.log(`Pull request: ${pullRequest.html_url}`);
  await task.set(name, {
    FeatureBranch: featureBranch,
    TargetBranch: targetBranch,
    PRLink: pullRequest.html_url,
    PRID: String(pullRequest.id),
    PRNumber: pullRequest.number,
    PRStatus: statusOf(pullRequest),
  });
  await reply(clone, { pullRequest, answer, feedback }, deps, saved);
  return pullRequest;
}

function description(request: AgentRequest, summary: string, others: readonly string[]): string {
  const { prompt, taskPrompt, taskId } = request;
  const details = `<details><summary>Request</summary>\n\n${(taskPrompt || prompt).trim()}\n\n</details>`;
  const page = taskPage(request);
  const task = page === undefined ? `Plan42 task ${taskId}` : `[Plan42 task ${taskId}](${page})`;
  const links = others.length === 0 ? [] : [`Together with:\n${others.map((link) => `- ${link}`).join('\n')}`];
  return [summary || '(The agent wrote no summary.)', ...links, details, task].join('\n\n');
}

async function reply(
  { name, pushed, baseline }: Clone,
  { pullRequest, answer, feedback }: { pullRequest: PullRequest; answer: Answer; feedback: readonly Feedback[] },
  { github, turn }: DeliverDeps,
  saved: Saved,
): Promise<void> {
  const open = feedback.filter(({ repo }) => repo === name);
  if (github === undefined || open.length === 0) return;
  const otherwise =
    pushed === baseline
      ? 'Nothing was changed in this turn.'
      : `See ${pushed?.slice(0, 10)} and the description above.`;
  const replies = open.map((feedback) => ({ feedback, text: answer.replies.get(feedback.number) ?? otherwise }));
  try {
    await postReplies(github, { repo: name, pullRequest, replies });
    turn.log(`Answered ${replies.length} comment${replies.length === 1 ? '' : 's'} on ${pullRequest.html_url}.`);
  } catch (error) {
    saved.notes.push(`Some comments on ${pullRequest.html_url} could not be answered: ${failureMessage(error)}`);
  }
}

/** Whether the turn has changed anything. */
export async function hasChanges(clones: readonly Clone[], env: NodeJS.ProcessEnv): Promise<boolean> {
  for (const clone of clones) {
    if ((await headOf(clone, env)) !== clone.baseline) return true;
  }
  return false;
}

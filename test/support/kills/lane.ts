/** One task whose turns are killed at random moments, one after the other. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestControlPlane } from '../control-plane.ts';
import type { GitServer } from '../git-server.ts';
import type { GithubDouble } from '../github/double.ts';
import { getTurn, untilOver } from '../tasks.ts';

export const victims = ['container', 'wrapper', 'agent', 'git', 'runner'] as const;
export type Victim = (typeof victims)[number];

// Long, because a busy machine needs minutes for a turn.
export const turnTimeoutMs = 15 * 60_000;
/** A turn may finish before its kill. */
const maxMissed = 10;

export interface Lane {
  taskId: string;
  repo: string;
  /** Numbers from 0 to 1. */
  random: () => number;
  plane: TestControlPlane;
  git: GitServer;
  github: GithubDouble;
  kill: (victim: Victim, turnIndex: number) => Promise<void>;
}

/** How many turns ended in which way, by victim, the status at the kill and the final status. */
export type Ends = Map<string, number>;

/** Kills so many unfinished turns of a new task, then lets one work to its end. Rejects if anything was lost. */
export async function killTurns(lane: Lane, kills: number): Promise<Ends> {
  const { plane, taskId, repo, random, git } = lane;
  const ends: Ends = new Map();
  const reported = new Set<string>();
  let usualMs = 0;
  const first = await untilOver(plane, taskId, turnTimeoutMs);
  assert.equal(first.turn.Status, 'Completed', `${taskId}: ${first.turn.ErrorMessage}`);
  note(first.turn);
  const { FeatureBranch: branch } = (await plane.call('GET', `tasks/${taskId}`)).body.RepoInfo[repo];

  function note(turn: Turn): void {
    const commit = turn.CommitInfo?.[repo]?.LastCommitHash;
    if (commit) reported.add(commit);
  }
  async function startTurn(index: number): Promise<void> {
    const created = await plane.call('PUT', `tasks/${taskId}/turns/${index}`, { body: { Prompt: 'More' } });
    assert.equal(created.status, 201, JSON.stringify(created.body));
  }
  async function check(where: string): Promise<void> {
    for (const commit of reported) {
      await git.git(repo, 'merge-base', '--is-ancestor', commit, branch).catch((error: unknown) => {
        throw new Error(`${where}: ${commit} is lost`, { cause: error });
      });
    }
    const pullRequests = [...(lane.github.state.repos.get(repo)?.pullRequests.keys() ?? [])];
    assert.equal(pullRequests.length, 1, `${where}: ${pullRequests.length} pull requests`);
    const { PRNumber } = (await plane.call('GET', `tasks/${taskId}`)).body.RepoInfo[repo];
    assert.equal(PRNumber, pullRequests[0], where);
  }

  // The first one pulled an image.
  await startTurn(2);
  const second = await untilOver(plane, taskId, turnTimeoutMs);
  assert.equal(second.turn.Status, 'Completed', `${taskId}: ${second.turn.ErrorMessage}`);
  usualMs = durationMs(second.turn);
  let index = 3;
  for (let killed = 0, missed = 0; killed < kills; index += 1) {
    const victim = victims[Math.floor(random() * victims.length)] ?? 'runner';
    const delayMs = Math.floor(random() * usualMs);
    // Commits that were pushed stay, even if they were never reported.
    reported.add(await git.git(repo, 'rev-parse', branch));
    await startTurn(index);
    await sleep(delayMs);
    const { Status: status } = await getTurn(plane, taskId);
    const isUnfinished = !['Completed', 'Failed'].includes(status);
    if (isUnfinished) await lane.kill(victim, index);
    const where = `turn ${index} of ${taskId}, ${victim} killed after ${delayMs} ms at "${status}"`;
    const { turn } = await untilOver(plane, taskId, turnTimeoutMs).catch((error: unknown) => {
      throw new Error(`${where}: the turn hangs`, { cause: error });
    });
    note(turn);
    await check(`${where}: ${turn.Status} ${turn.ErrorMessage ?? ''}`);
    if (turn.Status === 'Completed') usualMs = durationMs(turn);
    if (isUnfinished) {
      killed += 1;
      const end = `${victim}, ${status}: ${turn.Status}`;
      ends.set(end, (ends.get(end) ?? 0) + 1);
    } else missed += 1;
    assert.ok(missed <= maxMissed + kills, `${taskId}: ${missed} turns finished before their kill`);
  }
  await startTurn(index);
  const last = await untilOver(plane, taskId, turnTimeoutMs);
  assert.equal(last.turn.Status, 'Completed', `${taskId}: ${last.turn.ErrorMessage}`);
  note(last.turn);
  await check(`last turn of ${taskId}`);
  return ends;
}

// Not until it was seen here: that is after the time of the kill.
function durationMs({ CreatedAt, CompletedAt }: Turn): number {
  return Date.parse(CompletedAt) - Date.parse(CreatedAt);
}

type Turn = Awaited<ReturnType<typeof getTurn>>;

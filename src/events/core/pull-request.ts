import * as v from 'valibot';

/** A pull request as GitHub's API describes it. Events have the first two fields only. */
export const PullRequest = v.object({
  id: v.pipe(v.number(), v.safeInteger()),
  number: v.pipe(v.number(), v.safeInteger()),
  state: v.nullish(v.string()),
  merged: v.nullish(v.boolean()),
  merged_at: v.nullish(v.string()),
  draft: v.nullish(v.boolean()),
  user: v.nullish(v.object({ login: v.string() })),
  html_url: v.nullish(v.string()),
  updated_at: v.nullish(v.string()),
});
export type PullRequest = v.InferOutput<typeof PullRequest>;

export type PullRequestStatus = 'merged' | 'closed' | 'draft' | 'open' | 'unknown';

/** Whether nothing is missing that GitHub leaves out of events. */
export function isWhole({ state, user }: PullRequest): boolean {
  return Boolean(state) && Boolean(user);
}

export function statusOf({ state, merged, merged_at, draft }: PullRequest): PullRequestStatus {
  if (merged === true || merged_at) return 'merged';
  if (state === 'closed') return 'closed';
  if (state !== 'open') return 'unknown';
  return draft === true ? 'draft' : 'open';
}

import * as v from 'valibot';
import { truncate } from '../../lib/display-width.ts';
import { TurnFailure } from '../failures.ts';
import { type Github, GithubFailure } from './client.ts';
import { replaceSection, titleIn } from './pull-request-body.ts';

const PullRequest = v.object({
  number: v.number(),
  id: v.number(),
  node_id: v.string(),
  html_url: v.string(),
  title: v.string(),
  body: v.nullish(v.string()),
  state: v.string(),
  draft: v.nullish(v.boolean()),
  merged_at: v.nullish(v.string()),
});
export type PullRequest = v.InferOutput<typeof PullRequest>;

export interface Wanted {
  /** `org/repo` */
  repo: string;
  featureBranch: string;
  targetBranch: string;
  title: string;
  /** Our part of the description, see {@link replaceSection}. */
  section: string;
}

// GitHub's limit.
const maxTitleColumns = 250;

/**
 * Opens the pull request of a branch, or updates the open one. There is never a second one for a branch: before a new one
 * is opened, and after a request that failed, GitHub is asked for it.
 * @throws TurnFailure
 */
export async function ensurePullRequest(github: Github, wanted: Wanted): Promise<PullRequest> {
  try {
    const found = await findOpen(github, wanted);
    return found === undefined ? await open(github, wanted) : await update(github, wanted, found);
  } catch (error) {
    throw explain(error, github, wanted);
  }
}

export function statusOf({ state, merged_at, draft }: PullRequest): string {
  if (merged_at) return 'merged';
  return state === 'open' && draft === true ? 'draft' : state;
}

const pathOf = (repo: string) => `/repos/${repo.split('/').map(encodeURIComponent).join('/')}`;

async function findOpen(github: Github, { repo, featureBranch }: Wanted): Promise<PullRequest | undefined> {
  const [org = ''] = repo.split('/');
  const query = new URLSearchParams({ head: `${org}:${featureBranch}`, state: 'open', per_page: '10' });
  const found = v.parse(v.array(PullRequest), await github.rest({ path: `${pathOf(repo)}/pulls?${query.toString()}` }));
  return found[0];
}

async function open(github: Github, wanted: Wanted): Promise<PullRequest> {
  const { repo, featureBranch, targetBranch, title, section } = wanted;
  const body = {
    title: truncate(title, maxTitleColumns),
    head: featureBranch,
    base: targetBranch,
    body: replaceSection('', section, title),
  };
  try {
    return v.parse(PullRequest, await github.rest({ method: 'POST', path: `${pathOf(repo)}/pulls`, body }));
  } catch (error) {
    // Another client was faster, or the response was lost.
    const found = error instanceof GithubFailure ? await findOpen(github, wanted) : undefined;
    if (found === undefined) throw error;
    return found;
  }
}

// People may have changed the title and the text around our section.
async function update(github: Github, wanted: Wanted, found: PullRequest): Promise<PullRequest> {
  const { repo, title, section } = wanted;
  const body = replaceSection(found.body ?? '', section, title);
  const isOurTitle = titleIn(found.body ?? '') === found.title;
  const changes = {
    ...(body !== (found.body ?? '') && { body }),
    ...(isOurTitle && found.title !== title && { title: truncate(title, maxTitleColumns) }),
  };
  if (Object.keys(changes).length === 0) return found;
  const path = `${pathOf(repo)}/pulls/${found.number}`;
  return v.parse(PullRequest, await github.rest({ method: 'PATCH', path, body: changes }));
}

function explain(error: unknown, { host }: Github, { repo, featureBranch, targetBranch }: Wanted): unknown {
  const because = (why: string, remedy: string) =>
    new TurnFailure(
      `the changes are on the branch ${featureBranch}, but there is no pull request for ${repo}: ${why}`,
      {
        remedy,
        cause: error,
      },
    );
  if (error instanceof v.ValiError) return because(`${host} sent an unexpected response.`, 'Open it yourself.');
  if (!(error instanceof GithubFailure)) return error;
  const { status, message } = error;
  if (status === undefined) return because(`${message}.`, `Allow ${host} for the environment.`);
  if (status === 401) return because(`${host} refused the token.`, 'Set a valid token for the GitHub connection.');
  if (status === 403 || status === 404) {
    return because(
      `the token has no access (${message}).`,
      'Give the token of the GitHub connection the permission to write pull requests.',
    );
  }
  return because(`${message}.`, `Open it yourself: from ${featureBranch} into ${targetBranch}.`);
}

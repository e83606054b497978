import type { FeedBackItem } from '../../plan42/messages.ts';
import type { Caller } from '../caller.ts';
import type { GithubClient } from '../client.ts';
import { GithubError } from '../errors.ts';
import { parseRepo } from '../repo-path.ts';
import { type Discussion, FeedbackAnswer, type PageInfo } from './answer.ts';
import { toFeedbackItems } from './items.ts';
import { cursorVariable, type FeedbackQuery, listNames, nextQuery, pageSizes, type Unread } from './query.ts';

/** Runs a request with the connection's current client. */
export type WithClient = <T>(call: (client: GithubClient) => Promise<T>) => Promise<T>;

// As GraphQL's Int.
const maxNumber = 2 ** 31 - 1;

/**
 * Fetches the feedback on one pull request: review threads, comments, reviews. Each request reads the next page of every list
 * and long thread, so the longest list determines the number of requests. Falls back to smaller pages if GitHub aborts
 * a request because of its size.
 * @throws GithubError; the reason of the caller's signal
 */
export async function fetchFeedback(
  withClient: WithClient,
  repo: string,
  number: number,
  caller: Caller,
): Promise<FeedBackItem[]> {
  const { org: owner, repo: name } = parseRepo(repo);
  if (!Number.isInteger(number) || number < 1 || number > maxNumber) {
    throw new GithubError(`invalid pull request number: it must be an integer from 1 to ${maxNumber}`);
  }
  const discussion: Discussion = { reviewThreads: [], comments: [], reviews: [] };
  const unread: Unread = { lists: new Map(listNames.map((list) => [list, undefined])), threads: new Map() };
  const readAll = async (pageSize: number) => {
    while (unread.lists.size > 0 || unread.threads.size > 0) {
      const query = nextQuery(unread, pageSize);
      const variables = { ...query.variables, owner, name, number };
      const answer = await withClient((client) => client.query(query.text, variables, FeedbackAnswer, caller));
      takeLists(answer, query, discussion, unread);
      takeThreads(answer, query, discussion, unread);
    }
  };
  const [largest, small] = pageSizes;
  try {
    await readAll(largest);
  } catch (error) {
    if (!(error instanceof GithubError && error.mayBeTooMuch)) throw error;
    await readAll(small);
  }
  return toFeedbackItems(discussion);
}

function takeLists(answer: FeedbackAnswer, query: FeedbackQuery, discussion: Discussion, unread: Unread): void {
  const pullRequest = answer.repository?.pullRequest;
  if (!pullRequest) throw new GithubError('pull request not found');
  discussion.reviewThreads.push(...(pullRequest.reviewThreads?.nodes ?? []));
  discussion.comments.push(...(pullRequest.comments?.nodes ?? []));
  discussion.reviews.push(...(pullRequest.reviews?.nodes ?? []));
  for (const list of query.lists) {
    const page = pullRequest[list] ?? missing(list);
    proceed(unread.lists, list, nextCursor(page.pageInfo, query.variables[cursorVariable(list)]));
  }
  for (const { id, comments } of pullRequest.reviewThreads?.nodes ?? []) {
    proceed(unread.threads, id, nextCursor(comments.pageInfo, undefined));
  }
}

function takeThreads(answer: FeedbackAnswer, query: FeedbackQuery, discussion: Discussion, unread: Unread): void {
  for (const [alias, id] of query.threadIds) {
    const thread = (answer as Record<string, FeedbackAnswer[string] | undefined>)[alias];
    unread.threads.delete(id);
    // The thread was deleted in the meantime.
    if (thread === null) continue;
    const page = thread?.comments ?? missing('comments of a thread');
    discussion.reviewThreads.find((known) => known.id === id)?.comments.nodes.push(...page.nodes);
    proceed(unread.threads, id, nextCursor(page.pageInfo, query.variables[cursorVariable(alias)]));
  }
}

function proceed<Name>(unread: Map<Name, string | undefined>, name: Name, cursor: string | undefined): void {
  if (cursor === undefined) unread.delete(name);
  else unread.set(name, cursor);
}

function missing(list: string): never {
  throw new GithubError(`incomplete response from GitHub: missing ${list}`);
}

/** Returns the cursor of the next page, if there is one. `cursor` is that of this page. */
function nextCursor(info: PageInfo, cursor: string | undefined): string | undefined {
  if (!info.hasNextPage) return undefined;
  // Otherwise the same page would be read endlessly.
  if (!info.endCursor || info.endCursor === cursor) throw new GithubError('GitHub’s pages do not end');
  return info.endCursor;
}

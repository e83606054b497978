import type { FeedBackItem } from '../../plan42/messages.ts';
import type { Caller } from '../caller.ts';
import type { GithubClient } from '../client.ts';
import { GithubError } from '../errors.ts';
import { parseRepo } from '../repo-path.ts';
import { type Discussion, FeedbackAnswer, type PageInfo } from './answer.ts';
import { toFeedbackItems } from './items.ts';
import { cursorVariable, type FeedbackQuery, listNames, nextQuery, pageSizes, type Unread } from './query.ts';

/** Does a call with the client that the connection has now. */
export type WithClient = <T>(call: (client: GithubClient) => Promise<T>) => Promise<T>;

// As GraphQL's Int.
const maxNumber = 2 ** 31 - 1;

/**
 * The feedback on one pull request: review threads, then comments, then reviews. Each call reads the next page of every
 * list that has one, of the long threads too, so that there are as many calls as the longest of them has pages. What is too
 * much for GitHub is read in smaller pages.
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
    throw new GithubError(`the number of a pull request is a whole one from 1 to ${maxNumber}`);
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
  if (!pullRequest) throw new GithubError('there is no such pull request');
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
    // It was deleted meanwhile.
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
  throw new GithubError(`GitHub’s answer is incomplete: it has no ${list}`);
}

/** Where the next page begins, if there is one. `cursor` is where this one began. */
function nextCursor(info: PageInfo, cursor: string | undefined): string | undefined {
  if (!info.hasNextPage) return undefined;
  // Or the same page would be read for ever.
  if (!info.endCursor || info.endCursor === cursor) throw new GithubError('GitHub’s pages have no end');
  return info.endCursor;
}

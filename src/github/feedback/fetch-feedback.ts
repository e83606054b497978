import type { FeedBackComment, FeedBackItem } from '../../plan42/messages.ts';
import type { Caller } from '../caller.ts';
import type { GithubClient } from '../client.ts';
import { GithubError } from '../errors.ts';
import { parseRepoPath } from '../repo-path.ts';
import { isOwnComment } from './own-comments.ts';
import { cursorVariable, type FeedbackQuery, listNames, nextQuery, pageSizes, type Unread } from './query.ts';
import {
  type Discussion,
  FeedbackResponse,
  type IssueComment,
  type PageInfo,
  type Review,
  type ThreadComment,
} from './response.ts';

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
  const { org: owner, repo: name } = parseRepoPath(repo);
  if (!Number.isInteger(number) || number < 1 || number > maxNumber) {
    throw new GithubError(`invalid pull request number: it must be an integer from 1 to ${maxNumber}`);
  }
  const discussion: Discussion = { reviewThreads: [], comments: [], reviews: [] };
  const unread: Unread = { lists: new Map(listNames.map((list) => [list, undefined])), threads: new Map() };
  const readAll = async (pageSize: number) => {
    while (unread.lists.size > 0 || unread.threads.size > 0) {
      const query = nextQuery(unread, pageSize);
      const variables = { ...query.variables, owner, name, number };
      const response = await withClient((client) => client.query(query.text, variables, FeedbackResponse, caller));
      takeLists(response, query, discussion, unread);
      takeThreads(response, query, discussion, unread);
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

function takeLists(response: FeedbackResponse, query: FeedbackQuery, discussion: Discussion, unread: Unread): void {
  const pullRequest = response.repository?.pullRequest;
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

function takeThreads(response: FeedbackResponse, query: FeedbackQuery, discussion: Discussion, unread: Unread): void {
  for (const [alias, id] of query.threadIds) {
    const thread = (response as Record<string, FeedbackResponse[string] | undefined>)[alias];
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

/** Converts feedback to the protocol's form, in its order and without Plan42's own comments. */
function toFeedbackItems({ reviewThreads, comments, reviews }: Discussion): FeedBackItem[] {
  const items = [
    ...reviewThreads.map(({ id, isResolved, comments: { nodes } }) => item(id, isResolved, nodes)),
    ...comments.map((comment) => item(comment.id, false, [comment])),
    ...reviews.filter(({ body }) => body !== '').map((review) => item(review.id, false, [review])),
  ];
  return items.filter((feedback) => feedback.Comments.length > 0);
}

type AnyComment = Pick<Review, 'author' | 'body' | 'createdAt'> & Partial<ThreadComment & IssueComment & Review>;

function item(ID: string, IsResolved: boolean, comments: readonly AnyComment[]): FeedBackItem {
  return { ID, IsResolved, Comments: comments.filter((comment) => !isOwnComment(comment)).map(toComment) };
}

function toComment(comment: AnyComment): FeedBackComment {
  return {
    User: comment.author?.login ?? '',
    Body: comment.body,
    Date: comment.createdAt,
    DiffHunk: comment.diffHunk ?? '',
    Path: comment.path ?? '',
    StartLine: comment.startLine ?? 0,
    OrigStartLine: comment.originalStartLine ?? 0,
    CommitHash: comment.commit?.oid ?? '',
    IsMinimized: comment.isMinimized ?? false,
    MinimizedReason: comment.minimizedReason ?? '',
  };
}

/** Builds the query for the next pages of a pull request's feedback, in one request. */

/** The lists of a pull request that are read, in the order in which they make feedback. */
export const listNames = ['reviewThreads', 'comments', 'reviews'] as const;
export type ListName = (typeof listNames)[number];

/** Unread pages with their cursors; undefined for a list's first page. */
export interface Unread {
  lists: Map<ListName, string | undefined>;
  /** Cursors of threads with unread comments, by thread ID. */
  threads: Map<string, string>;
}

export interface FeedbackQuery {
  text: string;
  variables: Record<string, string>;
  lists: ListName[];
  /** IDs of the requested threads by their alias in the response. */
  threadIds: Map<string, string>;
}

/**
 * The first is GitHub's maximum: with 100 comments of each of 100 threads a request can return 10,300 nodes, of the 500,000
 * allowed, for one point of the hourly 5,000. The smaller size is for requests that GitHub aborts.
 */
export const pageSizes = [100, 20] as const;
// Keeps a request as small as the first one.
const maxThreadsPerRequest = 100;

const pageInfo = 'pageInfo { hasNextPage endCursor }';
const authored = 'author { login } body createdAt';
const minimized = 'isMinimized minimizedReason';
const threadComments = `${pageInfo} nodes { ${authored} ${minimized} diffHunk path commit { oid } startLine originalStartLine }`;

const fields: Record<ListName, (pageSize: number) => string> = {
  reviewThreads: (pageSize) => `nodes { id isResolved comments(first: ${pageSize}) { ${threadComments} } }`,
  comments: () => `nodes { id ${authored} ${minimized} }`,
  reviews: () => `nodes { id ${authored} commit { oid } }`,
};

/** Returns the name of the cursor variable of a list or thread. */
export function cursorVariable(name: string): string {
  return `${name}After`;
}

/** Builds the query for the next pages, up to the limit of threads. The caller adds the variables of the pull request. */
export function nextQuery(unread: Unread, pageSize: number): FeedbackQuery {
  const declarations = ['$owner: String!', '$name: String!', '$number: Int!'];
  const variables: Record<string, string> = {};
  const declare = (name: string, type: string, value: string) => {
    declarations.push(`$${name}: ${type}`);
    variables[name] = value;
  };

  const unreadLists = [...unread.lists];
  const lists = unreadLists.map(([name, cursor]) => {
    if (cursor !== undefined) declare(cursorVariable(name), 'String!', cursor);
    const after = cursor === undefined ? '' : `, after: $${cursorVariable(name)}`;
    return `${name}(first: ${pageSize}${after}) { ${pageInfo} ${fields[name](pageSize)} }`;
  });

  const threadIds = new Map<string, string>();
  const threads = [...unread.threads].slice(0, maxThreadsPerRequest).map(([id, cursor], index) => {
    const alias = `thread${index}`;
    threadIds.set(alias, id);
    declare(`${alias}Id`, 'ID!', id);
    declare(cursorVariable(alias), 'String!', cursor);
    const comments = `comments(first: ${pageSize}, after: $${cursorVariable(alias)}) { ${threadComments} }`;
    return `${alias}: node(id: $${alias}Id) { ... on PullRequestReviewThread { ${comments} } }`;
  });

  // Always included, because a query must use all declared variables.
  const pullRequest = `pullRequest(number: $number) { id ${lists.join(' ')} }`;
  const parts = [`repository(owner: $owner, name: $name) { ${pullRequest} }`, ...threads];
  const text = `query Feedback(${declarations.join(', ')}) { ${parts.join(' ')} }`;
  return { text, variables, lists: unreadLists.map(([name]) => name), threadIds };
}

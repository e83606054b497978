import * as v from 'valibot';

// GitHub returns null for missing values: a deleted account, a deleted commit, a comment without a line.
const text = v.nullish(v.string(), '');
const line = v.nullish(v.number(), 0);
const authored = { author: v.nullish(v.object({ login: v.string() })), body: text, createdAt: text };
const minimized = { isMinimized: v.nullish(v.boolean(), false), minimizedReason: text };
const commit = v.nullish(v.object({ oid: text }));

const PageInfo = v.object({ hasNextPage: v.boolean(), endCursor: v.nullish(v.string()) });

function pageOf<const Node extends v.GenericSchema>(node: Node) {
  // Required: a missing list must not be read as an empty one.
  const nodes = v.pipe(
    v.array(v.nullable(node)),
    v.transform((list) => list.filter((item) => item !== null)),
  );
  return v.object({ pageInfo: PageInfo, nodes });
}

const ThreadComment = v.object({
  ...authored,
  ...minimized,
  diffHunk: text,
  path: text,
  commit,
  startLine: line,
  originalStartLine: line,
});
export type ThreadComment = v.InferOutput<typeof ThreadComment>;

const Thread = v.object({ id: v.string(), isResolved: v.boolean(), comments: pageOf(ThreadComment) });
type Thread = v.InferOutput<typeof Thread>;

const IssueComment = v.object({ id: v.string(), ...authored, ...minimized });
export type IssueComment = v.InferOutput<typeof IssueComment>;

const Review = v.object({ id: v.string(), ...authored, commit });
export type Review = v.InferOutput<typeof Review>;

const PullRequest = v.object({
  reviewThreads: v.optional(pageOf(Thread)),
  comments: v.optional(pageOf(IssueComment)),
  reviews: v.optional(pageOf(Review)),
});

/** The response to a feedback query. The other properties are threads requested by ID. */
export const FeedbackResponse = v.objectWithRest(
  { repository: v.nullish(v.object({ pullRequest: v.nullish(PullRequest) })) },
  v.nullable(v.object({ comments: v.optional(pageOf(ThreadComment)) })),
);
export type FeedbackResponse = v.InferOutput<typeof FeedbackResponse>;
export type PageInfo = v.InferOutput<typeof PageInfo>;

/** The feedback read from one pull request. */
export interface Discussion {
  reviewThreads: Thread[];
  comments: IssueComment[];
  reviews: Review[];
}

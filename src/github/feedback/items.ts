import type { FeedBackComment, FeedBackItem } from '../../plan42/messages.ts';
import type { Discussion, IssueComment, Review, ThreadComment } from './answer.ts';
import { isOwnComment } from './own-comments.ts';

/** Converts feedback to the protocol's form, in its order and without Plan42's own comments. */
export function toFeedbackItems({ reviewThreads, comments, reviews }: Discussion): FeedBackItem[] {
  const items = [
    ...reviewThreads.map(({ id, isResolved, comments: { nodes } }) => item(id, isResolved, nodes)),
    ...comments.map((comment) => item(comment.id, false, [comment])),
    ...reviews.filter(({ body }) => body !== '').map((review) => item(review.id, false, [review])),
  ];
  return items.filter((feedback) => feedback.Comments.length > 0);
}

type Said = Pick<Review, 'author' | 'body' | 'createdAt'> & Partial<ThreadComment & IssueComment & Review>;

function item(ID: string, IsResolved: boolean, comments: readonly Said[]): FeedBackItem {
  return { ID, IsResolved, Comments: comments.filter((comment) => !isOwnComment(comment)).map(toComment) };
}

function toComment(comment: Said): FeedBackComment {
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

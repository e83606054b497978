import type { FeedBack, FeedBackItem } from '../turn/request.ts';

/** A comment, or a thread of them, that the turn has to answer. */
export interface Feedback {
  /** The number in the prompt. */
  number: number;
  /** GitHub's ID. */
  id: string;
  /** `org/repo` */
  repo: string;
  /** Whether it is a thread of a review, which is answered in its place. */
  isThread: boolean;
  /** Empty if it is about the whole change. */
  path: string;
  line: number;
  diffHunk: string;
  comments: { user: string; body: string; isOwn: boolean }[];
  lastBody: string;
}

const ownMarker = '<!-- event-horizon';

/** Returns what is still open: neither resolved, nor hidden, nor answered by an earlier turn. */
export function openFeedback(feedback: FeedBack): Feedback[] {
  const all = Object.entries(feedback).flatMap(([repo, items]) => {
    const answered = new Set((items ?? []).flatMap(answeredBy));
    return (items ?? []).flatMap((item) => (answered.has(item.ID ?? '') ? [] : toFeedback(repo, item)));
  });
  return all.map((item, index) => Object.assign(item, { number: index + 1 }));
}

function toFeedback(repo: string, { ID, IsResolved, Comments }: FeedBackItem): Omit<Feedback, 'number'>[] {
  const visible = (Comments ?? []).filter(({ IsMinimized }) => IsMinimized !== true);
  const comments = visible.map(({ User, Body }) => ({
    user: User ?? '',
    body: (Body ?? '').replace(/^(?:<!--[\s\S]*?-->\s*)+/, ''),
    isOwn: (Body ?? '').startsWith(ownMarker),
  }));
  const [first] = visible;
  const last = comments.at(-1);
  if (IsResolved === true || !ID || first === undefined || last === undefined || last.isOwn) return [];
  const path = first.Path ?? '';
  const line = first.StartLine || first.OrigStartLine || 0;
  const diffHunk = first.DiffHunk ?? '';
  return [{ id: ID, repo, isThread: path !== '', path, line, diffHunk, comments, lastBody: last.body }];
}

// One comment of ours can answer several.
function answeredBy({ Comments }: FeedBackItem): string[] {
  return (Comments ?? []).flatMap(({ Body }) => {
    if (!Body?.startsWith(ownMarker)) return [];
    return /<!-- answers ([\w= -]*?) -->/.exec(Body)?.[1]?.split(' ') ?? [];
  });
}

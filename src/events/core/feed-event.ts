/** Reads GitHub's events: those that may lead to a turn or to another state of a pull request. */
import * as v from 'valibot';
import { PullRequest } from './pull-request.ts';

/** An event that has to be handled, as it is kept in the state folder until then. */
export const WantedEvent = v.object({
  id: v.string(),
  kind: v.picklist(['comment', 'pull-request']),
  /** `org/repo`. */
  repo: v.string(),
  /** The number of the pull request. */
  number: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** The author of a comment. */
  author: v.optional(v.string()),
  /** When the comment was made, or the event happened. */
  at: v.string(),
  /** The pull request in the event. GitHub leaves most of it out; older Enterprise servers do not. */
  pullRequest: v.optional(PullRequest),
  /** The turn that is created for it. Kept before the call, so that a killed runner creates no second one. */
  turn: v.optional(v.object({ taskId: v.string(), turnIndex: v.pipe(v.number(), v.integer()) })),
});
export type WantedEvent = v.InferOutput<typeof WantedEvent>;

/** The fields that every event has. */
const Envelope = v.object({
  id: v.union([v.string(), v.pipe(v.number(), v.transform(String))]),
  type: v.nullish(v.string()),
  created_at: v.nullish(v.string()),
});

const User = v.nullish(v.object({ login: v.string() }));
const Comment = v.object({
  body: v.nullish(v.string()),
  user: User,
  created_at: v.nullish(v.string()),
  submitted_at: v.nullish(v.string()),
});
const numbered = v.object({ number: v.pipe(v.number(), v.safeInteger(), v.minValue(1)) });
const repo = v.object({ name: v.pipe(v.string(), v.regex(/^[\w.-]+\/[\w.-]+$/)) });
const withPayload = <const Entries extends v.ObjectEntries>(entries: Entries) =>
  v.object({ repo, payload: v.object(entries) });

const IssueComment = withPayload({
  action: v.string(),
  issue: v.object({ ...numbered.entries, pull_request: v.nullish(v.unknown()) }),
  comment: Comment,
});
const ReviewComment = withPayload({ action: v.string(), pull_request: v.unknown(), comment: Comment });
const Review = withPayload({ action: v.string(), pull_request: v.unknown(), review: Comment });
const PullRequestChange = withPayload({ pull_request: v.unknown() });

/** One event of a feed. */
export interface FeedEvent {
  id: string;
  /** When it happened; empty if GitHub does not say. */
  createdAt: string;
  /** Undefined if it leads to nothing. */
  wanted: WantedEvent | undefined;
  /** Whether its type counts, but its content cannot be read. */
  isUnreadable: boolean;
}

/** Returns undefined for something that is not an event at all. */
export function readFeedEvent(input: unknown, trigger: string): FeedEvent | undefined {
  const envelope = v.safeParse(Envelope, input);
  if (!envelope.success) return undefined;
  const { id, type, created_at: createdAt } = envelope.output;
  const event = { id, createdAt: createdAt ?? '', isUnreadable: false };
  const read = readers[type ?? ''];
  const meaning = read?.(input, trigger);
  if (meaning === 'unreadable') return { ...event, wanted: undefined, isUnreadable: true };
  if (meaning === undefined) return { ...event, wanted: undefined };
  return { ...event, wanted: { id, ...meaning, at: meaning.at || event.createdAt } };
}

type Meaning = Omit<WantedEvent, 'id' | 'turn'> | 'unreadable' | undefined;

const readers: Readonly<Record<string, (input: unknown, trigger: string) => Meaning>> = {
  IssueCommentEvent: (input, trigger) => {
    const event = v.safeParse(IssueComment, input);
    if (!event.success) return 'unreadable';
    const { repo, payload } = event.output;
    const isPullRequest = payload.issue.pull_request !== undefined && payload.issue.pull_request !== null;
    if (payload.action !== 'created' || !isPullRequest) return undefined;
    return commentIn(payload.comment, trigger, { repo: repo.name, number: payload.issue.number });
  },
  PullRequestReviewCommentEvent: (input, trigger) => {
    const event = v.safeParse(ReviewComment, input);
    if (!event.success) return 'unreadable';
    const { repo, payload } = event.output;
    if (payload.action !== 'created') return undefined;
    return aboutPullRequest(payload.pull_request, (found) =>
      commentIn(payload.comment, trigger, { repo: repo.name, ...found }),
    );
  },
  PullRequestReviewEvent: (input, trigger) => {
    const event = v.safeParse(Review, input);
    if (!event.success) return 'unreadable';
    const { repo, payload } = event.output;
    // The webhook says "submitted". The feed may say "created".
    if (payload.action !== 'submitted' && payload.action !== 'created') return undefined;
    return aboutPullRequest(payload.pull_request, (found) =>
      commentIn(payload.review, trigger, { repo: repo.name, ...found }),
    );
  },
  PullRequestEvent: (input) => {
    const event = v.safeParse(PullRequestChange, input);
    if (!event.success) return 'unreadable';
    const { repo, payload } = event.output;
    return aboutPullRequest(payload.pull_request, (found) => ({
      ...{ kind: 'pull-request', repo: repo.name, at: '' },
      ...found,
    }));
  },
};

type Found = Pick<WantedEvent, 'number' | 'pullRequest'>;

function aboutPullRequest(input: unknown, meaning: (found: Found) => Meaning): Meaning {
  const number = v.safeParse(numbered, input);
  if (!number.success) return 'unreadable';
  const whole = v.safeParse(PullRequest, input);
  return meaning({ ...number.output, ...(whole.success && { pullRequest: whole.output }) });
}

function commentIn(
  { body, user, created_at, submitted_at }: v.InferOutput<typeof Comment>,
  trigger: string,
  place: Found & Pick<WantedEvent, 'repo'>,
): Meaning {
  if (!asksForTurn(body ?? '', trigger)) return undefined;
  return { kind: 'comment', ...place, author: user?.login ?? '', at: created_at ?? submitted_at ?? '' };
}

/** Whether the trigger is a word of the comment. Comments that Plan42 made itself do not count. */
export function asksForTurn(body: string, trigger: string): boolean {
  return !body.startsWith('<!-- event-horizon') && body.split(/\s+/).includes(trigger);
}

import type { Feedback } from '../prompt/feedback.ts';
import type { Github } from './client.ts';
import type { PullRequest } from './pull-request.ts';

/** Our comments begin with it, so that no runner takes them for instructions. */
export const replyMarker = '<!-- event-horizon plan42 -->';

export interface Reply {
  feedback: Feedback;
  text: string;
}

const replyMutation = `mutation Reply($thread: ID!, $body: String!) {
  addPullRequestReviewThreadReply(input: { pullRequestReviewThreadId: $thread, body: $body }) { comment { id } }
}`;

/** Answers each review thread in its place, and other comments together in one. Rejects with the first failure. */
export async function postReplies(
  github: Github,
  { repo, pullRequest, replies }: { repo: string; pullRequest: PullRequest; replies: readonly Reply[] },
): Promise<void> {
  const [threads, comments] = [
    replies.filter(({ feedback }) => feedback.isThread),
    replies.filter(({ feedback }) => !feedback.isThread),
  ];
  for (const { feedback, text } of threads) {
    await github.query(replyMutation, { thread: feedback.id, body: `${replyMarker}\n${text}` });
  }
  if (comments.length === 0) return;
  const path = `/repos/${repo.split('/').map(encodeURIComponent).join('/')}/issues/${pullRequest.number}/comments`;
  await github.rest({ method: 'POST', path, body: { body: commentFor(comments) } });
}

function commentFor(replies: readonly Reply[]): string {
  const ids = replies.map(({ feedback }) => feedback.id).join(' ');
  const answers = replies.map(({ feedback, text }) => `${quote(feedback.lastBody)}\n\n${text}`);
  return [`${replyMarker}<!-- answers ${ids} -->`, ...answers].join('\n\n');
}

function quote(text: string): string {
  const lines = text.trim().split('\n');
  return [...lines.slice(0, 3), ...(lines.length > 3 ? ['…'] : [])].map((line) => `> ${line}`).join('\n');
}

/** The mutations that pass, and what each field of their input must be. All others are refused. */

export type InputRule =
  /** Any value. */
  | 'any'
  /** The ID of something in a repository of the task. */
  | 'in-task'
  /** The ID of a pull request whose branch is that of the task. */
  | 'own-pull'
  /** The ID of a comment that the token's user wrote. */
  | 'own-comment'
  /** A branch of the task, in the repository that `repositoryId` names. */
  | 'head'
  /** The event of a review, which approves nothing. */
  | 'event';

export interface Mutation {
  input: Readonly<Record<string, InputRule>>;
  /** One of these has to be there: without it, GitHub would not know what to change. */
  needs: readonly string[];
}

const any = (names: string): Record<string, InputRule> =>
  Object.fromEntries(['clientMutationId', ...names.split(' ')].map((name) => [name, 'any'] as const));

const ofOwnPull = (names = 'clientMutationId'): Mutation => ({
  input: { ...any(names), pullRequestId: 'own-pull' },
  needs: ['pullRequestId'],
});
const inTask = (subject: string, names = 'clientMutationId', more: Record<string, InputRule> = {}): Mutation => ({
  input: { ...any(names), ...more, [subject]: 'in-task' },
  needs: [subject],
});
const ofOwn = (subject: string, rule: InputRule, names: string): Mutation => ({
  input: { ...any(names), [subject]: rule },
  needs: [subject],
});
const ofThread = 'body path line side startLine startSide subjectType';

export const mutations: Readonly<Record<string, Mutation>> = {
  createPullRequest: {
    input: {
      ...any('baseRefName title body draft maintainerCanModify'),
      repositoryId: 'in-task',
      headRepositoryId: 'in-task',
      headRefName: 'head',
    },
    needs: ['headRefName'],
  },
  updatePullRequest: ofOwnPull('title body state baseRefName maintainerCanModify assigneeIds labelIds milestoneId'),
  closePullRequest: ofOwnPull(),
  reopenPullRequest: ofOwnPull(),
  markPullRequestReadyForReview: ofOwnPull(),
  convertPullRequestToDraft: ofOwnPull(),
  updatePullRequestBranch: ofOwnPull('expectedHeadOid updateMethod'),
  requestReviews: ofOwnPull('userIds teamIds botIds union'),
  requestReviewsByLogin: ofOwnPull('userLogins teamSlugs botLogins union'),
  addLabelsToLabelable: ofOwn('labelableId', 'own-pull', 'labelIds'),
  removeLabelsFromLabelable: ofOwn('labelableId', 'own-pull', 'labelIds'),
  addAssigneesToAssignable: ofOwn('assignableId', 'own-pull', 'assigneeIds'),
  removeAssigneesFromAssignable: ofOwn('assignableId', 'own-pull', 'assigneeIds'),
  replaceActorsForAssignable: ofOwn('assignableId', 'own-pull', 'actorIds actorLogins'),
  addComment: inTask('subjectId', 'body'),
  updateIssueComment: ofOwn('id', 'own-comment', 'body'),
  updatePullRequestReviewComment: ofOwn('pullRequestReviewCommentId', 'own-comment', 'body'),
  addPullRequestReview: inTask('pullRequestId', 'body comments threads commitOID', { event: 'event' }),
  submitPullRequestReview: {
    input: { ...any('body'), event: 'event', pullRequestId: 'in-task', pullRequestReviewId: 'in-task' },
    needs: ['pullRequestId', 'pullRequestReviewId'],
  },
  addPullRequestReviewComment: {
    input: {
      ...any('body path position commitOID'),
      pullRequestId: 'in-task',
      pullRequestReviewId: 'in-task',
      inReplyTo: 'in-task',
    },
    needs: ['pullRequestId', 'pullRequestReviewId', 'inReplyTo'],
  },
  addPullRequestReviewThread: {
    input: { ...any(ofThread), pullRequestId: 'in-task', pullRequestReviewId: 'in-task' },
    needs: ['pullRequestId', 'pullRequestReviewId'],
  },
  addPullRequestReviewThreadReply: inTask('pullRequestReviewThreadId', 'body', { pullRequestReviewId: 'in-task' }),
  resolveReviewThread: inTask('threadId'),
  unresolveReviewThread: inTask('threadId'),
  addReaction: inTask('subjectId', 'content'),
  removeReaction: inTask('subjectId', 'content'),
};

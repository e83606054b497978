/**
 * The part of GitHub's GraphQL schema that queries may use: enough to work on a repository, and no field by which a query
 * could leave it. A name that another repository has too, such as that of a fork, leads to a shape without its contents.
 */

export interface Shape {
  /** The types of GitHub that may stand in a condition of a fragment, for this shape. */
  types: ReadonlySet<string>;
  /** Shapes of a union or an interface, by the type in a condition of a fragment. */
  members: Readonly<Record<string, string>>;
  /** The shape of each field. Undefined for one without fields of its own. */
  fields: ReadonlyMap<string, { shape: string; isConnection: boolean } | undefined>;
}

interface Source {
  types?: string;
  members?: Record<string, string>;
  /** `name`, `name:Shape` for an object or a list, `name:Shape+` for a connection. */
  fields: string;
}

const person = 'id databaseId login name avatarUrl url resourcePath slug organization:Person';
const said = 'author:Person editor:Person authorAssociation body bodyText createdAt updatedAt publishedAt lastEditedAt';
const reacted = 'reactionGroups:ReactionGroup viewerDidAuthor viewerCanUpdate viewerCanReact includesCreatedEdit';
const minimized = 'isMinimized minimizedReason viewerCanMinimize';
const states = 'state closed closedAt locked activeLockReason title number url resourcePath';
const cards = 'projectCards:Card+ labels:Label+ assignees:Person+ milestone:Milestone participants:Person+';

const sources: Readonly<Record<string, Source>> = {
  Query: {
    fields: `viewer:Viewer rateLimit:RateLimit repository:Repository search:SearchItem+ node:Node nodes:Node user:Person
      __type:Meta __schema:Meta`,
  },
  Viewer: { types: 'User Actor', fields: 'id databaseId login name avatarUrl url' },
  RateLimit: { types: 'RateLimit', fields: 'limit cost remaining resetAt used nodeCount' },
  Person: {
    types:
      'User Actor Bot Mannequin Organization EnterpriseUserAccount RepositoryOwner Team RequestedReviewer Assignee',
    fields: person,
  },
  Repository: {
    types: 'Repository RepositoryInfo',
    fields: `id databaseId name nameWithOwner description url sshUrl homepageUrl createdAt updatedAt pushedAt isArchived
      isDisabled isEmpty isFork isInOrganization isPrivate isTemplate isLocked isMirror visibility viewerPermission
      viewerCanAdminister viewerDefaultCommitEmail viewerDefaultMergeMethod viewerHasStarred viewerSubscription
      hasIssuesEnabled hasProjectsEnabled hasWikiEnabled hasDiscussionsEnabled mergeCommitAllowed rebaseMergeAllowed
      squashMergeAllowed autoMergeAllowed deleteBranchOnMerge forkCount stargazerCount diskUsage openGraphImageUrl
      usesCustomOpenGraphImage mirrorUrl securityPolicyUrl isBlankIssuesEnabled isSecurityPolicyEnabled resourcePath
      isUserConfigurationRepository owner:Person parent:OtherRepository templateRepository:OtherRepository
      defaultBranchRef:Ref ref:Ref refs:Ref+ object:GitObject pullRequest:PullRequest pullRequests:PullRequest+
      issue:Issue issues:Issue+ issueOrPullRequest:IssueOrPullRequest label:Label labels:Label+ milestone:Milestone
      milestones:Milestone+ release:Release releases:Release+ latestRelease:Release languages:Named+ primaryLanguage:Named
      licenseInfo:Named codeOfConduct:Named assignableUsers:Person+ mentionableUsers:Person+ suggestedActors:Person+
      watchers:Person+ repositoryTopics:Topic+ issueTemplates:Template pullRequestTemplates:Template contactLinks:Template
      fundingLinks:Template branchProtectionRules:Protection+`,
  },
  OtherRepository: {
    types: 'Repository RepositoryInfo',
    fields: `id databaseId name nameWithOwner owner:Person url isPrivate isFork isArchived viewerPermission
      defaultBranchRef:OtherRef`,
  },
  OtherRef: { types: 'Ref', fields: 'id name prefix target:OtherTarget repository:OtherRepository' },
  OtherTarget: { types: 'GitObject Commit Tag', fields: 'id oid abbreviatedOid' },
  Ref: {
    types: 'Ref',
    fields: 'id name prefix target:GitObject branchProtectionRule:Protection repository:OtherRepository',
  },
  Protection: {
    types: 'BranchProtectionRule',
    fields: `id pattern requiresStrictStatusChecks requiredApprovingReviewCount requiresApprovingReviews
      requiresStatusChecks requiredStatusCheckContexts requiresLinearHistory isAdminEnforced`,
  },
  GitObject: {
    types: 'GitObject',
    members: { Commit: 'Commit', Tree: 'Tree', Blob: 'Blob', Tag: 'Tag' },
    fields: 'id oid abbreviatedOid commitUrl',
  },
  Commit: {
    types: 'Commit GitObject',
    fields: `id oid abbreviatedOid message messageHeadline messageBody committedDate authoredDate pushedDate additions
      deletions changedFiles changedFilesIfAvailable url commitUrl author:GitActor committer:GitActor authors:GitActor+
      parents:Commit+ statusCheckRollup:Rollup status:CommitStatus checkSuites:CheckSuite+ history:Commit+ tree:Tree
      file:TreeEntry repository:OtherRepository`,
  },
  Tree: { types: 'Tree GitObject', fields: 'id oid abbreviatedOid entries:TreeEntry' },
  TreeEntry: {
    types: 'TreeEntry',
    fields: 'name path type mode oid extension size isGenerated lineCount object:GitObject',
  },
  Blob: { types: 'Blob GitObject', fields: 'id oid abbreviatedOid text isBinary byteSize isTruncated' },
  Tag: { types: 'Tag GitObject', fields: 'id oid abbreviatedOid name message tagger:GitActor target:GitObject' },
  GitActor: { types: 'GitActor', fields: 'name email date avatarUrl user:Person' },
  CommitStatus: { types: 'Status', fields: 'id state contexts:StatusContext context:StatusContext' },
  Rollup: { types: 'StatusCheckRollup', fields: 'id state contexts:CheckContext+' },
  CheckContext: {
    types: 'StatusCheckRollupContext RequirableByPullRequest',
    members: { StatusContext: 'StatusContext', CheckRun: 'CheckRun' },
    fields: '',
  },
  StatusContext: {
    types: 'StatusContext',
    fields: 'id context state targetUrl createdAt description isRequired avatarUrl creator:Person',
  },
  CheckRun: {
    types: 'CheckRun',
    fields: `id databaseId name status conclusion startedAt completedAt detailsUrl url permalink title summary text
      isRequired externalId checkSuite:CheckSuite annotations:Annotation+ steps:Step+ repository:OtherRepository`,
  },
  Annotation: { types: 'CheckAnnotation', fields: 'annotationLevel message title path rawDetails databaseId' },
  Step: { types: 'CheckStep', fields: 'name number status conclusion startedAt completedAt' },
  CheckSuite: {
    types: 'CheckSuite',
    fields: `id databaseId status conclusion createdAt updatedAt url app:Named workflowRun:WorkflowRun branch:Ref
      checkRuns:CheckRun+ commit:Commit repository:OtherRepository`,
  },
  WorkflowRun: { types: 'WorkflowRun', fields: 'id databaseId runNumber event createdAt updatedAt url workflow:Named' },
  PullRequest: {
    types: 'PullRequest Comment Labelable Assignable Reactable Closable',
    fields: `id databaseId fullDatabaseId ${states} ${said} ${reacted} ${cards} additions deletions changedFiles baseRefName
      baseRefOid headRefName headRefOid isCrossRepository isDraft isInMergeQueue isMergeQueueEnabled maintainerCanModify
      mergeStateStatus mergeable merged mergedAt permalink reviewDecision totalCommentsCount
      viewerCanUpdateBranch isReadByViewer baseRef:Ref headRef:OtherRef baseRepository:OtherRepository
      headRepository:OtherRepository repository:OtherRepository headRepositoryOwner:Person mergedBy:Person
      mergeCommit:Commit potentialMergeCommit:Commit autoMergeRequest:AutoMerge comments:IssueComment+ reviews:Review+
      latestReviews:Review+ latestOpinionatedReviews:Review+ reviewThreads:ReviewThread+ reviewRequests:ReviewRequest+
      commits:PullCommit+ files:ChangedFile+ statusCheckRollup:Rollup closingIssuesReferences:LinkedIssue+
      assignedActors:Person+ suggestedReviewers:SuggestedReviewer viewerLatestReview:Review`,
  },
  SuggestedReviewer: { types: 'SuggestedReviewer', fields: 'isAuthor isCommenter reviewer:Person' },
  AutoMerge: {
    types: 'AutoMergeRequest',
    fields: 'authorEmail commitBody commitHeadline mergeMethod enabledAt enabledBy:Person',
  },
  PullCommit: { types: 'PullRequestCommit', fields: 'id url commit:Commit' },
  ChangedFile: { types: 'PullRequestChangedFile', fields: 'path additions deletions changeType viewerViewedState' },
  ReviewRequest: { types: 'ReviewRequest', fields: 'id asCodeOwner requestedReviewer:Person' },
  Review: {
    types: 'PullRequestReview Comment',
    fields: `id databaseId fullDatabaseId ${said} ${reacted} ${minimized} state submittedAt url resourcePath commit:Commit
      comments:ReviewComment+ onBehalfOf:Person+ repository:OtherRepository pullRequest:OwnPull`,
  },
  OwnPull: { types: 'PullRequest', fields: 'id number title url state headRefName repository:OtherRepository' },
  ReviewThread: {
    types: 'PullRequestReviewThread',
    fields: `id isResolved isOutdated isCollapsed path line originalLine startLine originalStartLine diffSide startDiffSide
      subjectType resolvedBy:Person viewerCanReply viewerCanResolve viewerCanUnresolve comments:ReviewComment+
      repository:OtherRepository pullRequest:OwnPull`,
  },
  ReviewComment: {
    types: 'PullRequestReviewComment Comment',
    fields: `id databaseId fullDatabaseId ${said} ${reacted} ${minimized} url resourcePath diffHunk path line startLine
      originalLine originalStartLine position originalPosition outdated subjectType state draftedAt commit:Commit
      originalCommit:Commit replyTo:ReviewComment repository:OtherRepository pullRequest:OwnPull`,
  },
  IssueComment: {
    types: 'IssueComment Comment',
    fields: `id databaseId fullDatabaseId ${said} ${reacted} ${minimized} url resourcePath isPinned
      repository:OtherRepository issue:LinkedIssue pullRequest:OwnPull`,
  },
  Issue: {
    types: 'Issue Comment Labelable Assignable Reactable Closable',
    fields: `id databaseId fullDatabaseId ${states} ${said} ${reacted} ${cards} stateReason isPinned comments:IssueComment+
      issueType:Named repository:OtherRepository assignedActors:Person+ closedByPullRequestsReferences:LinkedPull+`,
  },
  LinkedIssue: { types: 'Issue', fields: 'id number url state repository:OtherRepository' },
  LinkedPull: { types: 'PullRequest', fields: 'id number url state repository:OtherRepository' },
  IssueOrPullRequest: {
    types: 'IssueOrPullRequest',
    members: { Issue: 'Issue', PullRequest: 'PullRequest' },
    fields: '',
  },
  SearchItem: { types: 'SearchResultItem', members: { Issue: 'Issue', PullRequest: 'PullRequest' }, fields: '' },
  Node: {
    types: 'Node',
    members: {
      ...{ Repository: 'Repository', PullRequest: 'PullRequest', Issue: 'Issue', IssueComment: 'IssueComment' },
      ...{
        PullRequestReview: 'Review',
        PullRequestReviewThread: 'ReviewThread',
        Milestone: 'Milestone',
        Label: 'Label',
      },
      ...{
        PullRequestReviewComment: 'ReviewComment',
        Commit: 'Commit',
        CheckRun: 'CheckRun',
        CheckSuite: 'CheckSuite',
      },
      ...{ Ref: 'Ref', Release: 'Release' },
    },
    fields: 'id',
  },
  Label: { types: 'Label', fields: 'id name description color url isDefault createdAt updatedAt' },
  Milestone: { types: 'Milestone', fields: 'id number title description dueOn state closed url createdAt updatedAt' },
  Release: {
    types: 'Release',
    fields: `id databaseId name tagName description createdAt publishedAt isDraft isLatest isPrerelease url author:Person
      tagCommit:Commit releaseAssets:Asset+`,
  },
  Asset: {
    types: 'ReleaseAsset',
    fields: 'id name size contentType downloadCount downloadUrl url createdAt updatedAt',
  },
  ReactionGroup: {
    types: 'ReactionGroup',
    fields: 'content createdAt viewerHasReacted users:Person+ reactors:Person+',
  },
  Card: { types: 'ProjectCard', fields: 'id project:Named column:Named' },
  Named: {
    types: 'Language License CodeOfConduct App Workflow Project ProjectColumn IssueType',
    fields: 'id databaseId name key nickname slug url state color body number resourcePath description',
  },
  Topic: { types: 'RepositoryTopic', fields: 'id url topic:Named' },
  Template: { types: 'IssueTemplate PullRequestTemplate', fields: 'about name title body filename url platform' },
  Meta: {
    types: '__Type __Schema __Field __InputValue __EnumValue __Directive',
    fields: `name description kind isDeprecated deprecationReason defaultValue isRepeatable locations specifiedByURL
      fields:Meta args:Meta type:Meta ofType:Meta inputFields:Meta interfaces:Meta enumValues:Meta possibleTypes:Meta
      queryType:Meta mutationType:Meta subscriptionType:Meta types:Meta directives:Meta`,
  },
  Payload: {
    fields: `clientMutationId pullRequest:PullRequest comment:AnyComment commentEdge:CommentEdge issueComment:IssueComment
      pullRequestReview:Review thread:ReviewThread pullRequestReviewComment:ReviewComment subject:Node reaction:Reaction
      requestedReviewersEdge:PersonEdge labelable:Node assignable:Node actor:Person`,
  },
  AnyComment: {
    types: 'Comment',
    members: { PullRequestReviewComment: 'ReviewComment', IssueComment: 'IssueComment' },
    fields: `id databaseId fullDatabaseId ${said} ${reacted} ${minimized} url path line`,
  },
  CommentEdge: { types: 'IssueCommentEdge', fields: 'cursor node:IssueComment' },
  PersonEdge: { types: 'UserEdge', fields: 'cursor node:Person' },
  Reaction: { types: 'Reaction', fields: 'id content createdAt user:Person' },
};

function shapeOf({ types = '', members = {}, fields }: Source): Shape {
  const names = fields.split(/\s+/).filter((text) => text !== '');
  const entries = names.map((text) => {
    const [, name = '', shape, plus] = /^(\w+)(?::(\w+)(\+?))?$/.exec(text) ?? [];
    return [name, shape === undefined ? undefined : { shape, isConnection: plus === '+' }] as const;
  });
  return { types: new Set(types.split(' ')), members, fields: new Map(entries) };
}

export const shapes: ReadonlyMap<string, Shape> = new Map(
  Object.entries(sources).map(([name, source]) => [name, shapeOf(source)]),
);

/** Fields of a connection and of its edges beside the objects themselves. */
export const connectionFields: ReadonlySet<string> = new Set([
  ...['totalCount', 'issueCount', 'filteredCount', 'totalSize', 'checkRunCount', 'statusContextCount'],
]);
export const pageFields: ReadonlySet<string> = new Set([
  ...['hasNextPage', 'hasPreviousPage', 'startCursor', 'endCursor'],
]);
export const countFields: ReadonlySet<string> = new Set(['state', 'count']);
export const edgeFields: ReadonlySet<string> = new Set(['cursor', 'size']);

/** Queries as the program gh sends them, and others that try to leave the repositories of the task. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse, validate } from 'graphql';
import { githubSchema } from '../../../test/support/github/graphql.ts';
import { startGuard, taskBranch } from '../../../test/support/github/guarded.ts';
import { createLookups } from './lookups.ts';

const { review, questions } = startGuard();
const send = (query: string, variables?: object) => review({ path: '/graphql', body: { query, variables } });
const app = { owner: 'Acme', repo: 'App' };

async function passes(query: string, variables?: object): Promise<void> {
  const { message, sent } = await send(query, variables);
  assert.equal(message, undefined);
  const passed = JSON.parse(sent ?? '') as { query: string; variables?: object };
  assert.deepEqual(validate(githubSchema(), parse(passed.query)), []);
  assert.deepEqual(passed.variables, variables);
}

async function refuses(query: string, variables: object | undefined, why: RegExp): Promise<void> {
  const { message, verdict } = await send(query, variables);
  assert.match(message ?? `passed ${query}`, why);
  assert.ok(verdict.kind === 'respond' && verdict.refused !== undefined);
}

const pull = `number title state url isDraft isCrossRepository headRefName headRepositoryOwner{id,login,...on User{name}}
  mergeStateStatus baseRef{branchProtectionRule{requiresStrictStatusChecks}}
  autoMergeRequest{authorEmail,commitBody,commitHeadline,mergeMethod,enabledAt,enabledBy{login,...on User{id,name}}}
  statusCheckRollup: commits(last: 1) { nodes { commit { statusCheckRollup { contexts(first:100) {
    checkRunCount,checkRunCountsByState{state,count},statusContextCount,statusContextCountsByState{state,count} } } } } }`;
const viewed = `id number title body state author{login,...on User{id,name}} labels(first:100){nodes{id,name,description,color},totalCount}
  assignees(first:100){nodes{id,login,name},totalCount} milestone{number,title,description,dueOn}
  reactionGroups{content,users{totalCount}} additions deletions changedFiles files(first: 100) { nodes { additions deletions path } }
  commits(first: 100) { nodes { commit { authors(first:100) { nodes { name email user{id,login} } } messageHeadline oid } } }
  comments(first: 100) { nodes { id,author{login,...on User{id,name}},authorAssociation,body,createdAt,isMinimized,url,viewerDidAuthor },
    pageInfo{hasNextPage,endCursor}, totalCount }
  reviews(first: 100) { nodes { id,author{login},state,submittedAt,body,commit{oid} } pageInfo{hasNextPage,endCursor} totalCount }
  reviewRequests(first: 100) { nodes { requestedReviewer { __typename ...on User{login} ...on Team{organization{login} name slug} } } }
  mergeCommit{oid} potentialMergeCommit{oid} headRepository{id,name,nameWithOwner} mergedBy{login}
  closingIssuesReferences(first: 100) { nodes { id number url repository { id name owner { id login } } } }`;

describe('queries of gh', () => {
  const queries: [name: string, query: string, variables?: object][] = [
    ['api user', 'query UserCurrent{viewer{login}}'],
    [
      'repo network',
      `fragment repo on Repository { id name owner { login } viewerPermission defaultBranchRef { name target { oid } } isPrivate }
       query RepositoryNetwork { viewer { login } repo_000: repository(owner: "acme", name: "app") { ...repo parent { ...repo } } }`,
    ],
    [
      'repo view',
      `query RepositoryInfo($owner: String!, $repo: String!) { repository(owner: $owner, name: $repo) { id name owner { login }
        hasIssuesEnabled description hasWikiEnabled viewerPermission defaultBranchRef { name } languages(first:10){edges{size,node{name}}}
        mergeCommitAllowed rebaseMergeAllowed squashMergeAllowed licenseInfo{key,name,nickname} watchers{totalCount} } }`,
      app,
    ],
    [
      'pr list',
      `fragment pr on PullRequest{number,title,state,url,headRefName,headRepositoryOwner{id,login,...on User{name}},isCrossRepository,isDraft,createdAt}
       query PullRequestList($owner: String!, $repo: String!, $limit: Int!, $endCursor: String, $baseBranch: String, $headBranch: String, $state: [PullRequestState!] = OPEN) {
         repository(owner: $owner, name: $repo) { pullRequests(states: $state, baseRefName: $baseBranch, headRefName: $headBranch, first: $limit,
           after: $endCursor, orderBy: {field: CREATED_AT, direction: DESC}) { totalCount nodes { ...pr } pageInfo { hasNextPage endCursor } } } }`,
      { ...app, limit: 30, state: ['OPEN'] },
    ],
    [
      'pr list --search',
      `query PullRequestSearch($q: String!, $limit: Int!, $endCursor: String) { search(query: $q, type: ISSUE, first: $limit, after: $endCursor) {
         issueCount nodes { ...on PullRequest{number title} } pageInfo { hasNextPage endCursor } } }`,
      { q: 'repo:acme/app state:open type:pr label:"good first issue" fix', limit: 5 },
    ],
    [
      'pr view',
      `query PullRequestByNumber($owner: String!, $repo: String!, $pr_number: Int!) {
         repository(owner: $owner, name: $repo) { pullRequest(number: $pr_number) {${viewed}} } }`,
      { ...app, pr_number: 5 },
    ],
    [
      'pr status',
      `fragment pr on PullRequest {${pull}} fragment prWithReviews on PullRequest {...pr,reviewDecision,latestReviews(first: 100) { nodes { author{login} state } }}
       query PullRequestStatus($owner: String!, $repo: String!, $headRefName: String!, $viewerQuery: String!, $reviewerQuery: String!, $per_page: Int = 10) {
         repository(owner: $owner, name: $repo) { defaultBranchRef { name } pullRequests(headRefName: $headRefName, first: $per_page,
           orderBy: { field: CREATED_AT, direction: DESC }) { totalCount edges { node { ...prWithReviews } } } }
         viewerCreated: search(query: $viewerQuery, type: ISSUE, first: $per_page) { totalCount: issueCount edges { node { ...prWithReviews } } }
         reviewRequested: search(query: $reviewerQuery, type: ISSUE, first: $per_page) { totalCount: issueCount edges { node { ...pr } } } }`,
      {
        ...{ ...app, headRefName: taskBranch, viewerQuery: 'repo:Acme/App state:open is:pr author:@me' },
        reviewerQuery: 'repo:Acme/App state:open review-requested:@me',
      },
    ],
    [
      'pr checks',
      `query PullRequestStatusChecks($id: ID!, $endCursor: String) { node(id: $id) { ...on PullRequest { commits(last: 1) { nodes { commit { statusCheckRollup {
         contexts(first: 100, after: $endCursor) { nodes { __typename ...on StatusContext { context state targetUrl createdAt description isRequired(pullRequestId: $id) }
         ...on CheckRun { name checkSuite{workflowRun{event,workflow{name}}} status conclusion startedAt completedAt detailsUrl isRequired(pullRequestId: $id) } }
         pageInfo{hasNextPage,endCursor} } } } } } } } }`,
      { id: 'PR_other' },
    ],
    [
      'issue view',
      `query IssueByNumber($owner: String!, $repo: String!, $number: Int!) { repository(owner: $owner, name: $repo) { hasIssuesEnabled
         issue: issueOrPullRequest(number: $number) { __typename ...on Issue{id,title,body,state,comments(last: 1) {nodes {author{login} body} totalCount}}
         ...on PullRequest{id,number} } } }`,
      { ...app, number: 3 },
    ],
    [
      'feature detection',
      `query PullRequest_fields{PullRequest: __type(name: "PullRequest"){fields(includeDeprecated: true){name}}
         StatusCheckRollupContextConnection: __type(name: "StatusCheckRollupContextConnection"){fields(includeDeprecated: true){name}}}`,
    ],
    [
      'files of a repository',
      `query { repository(owner: "acme", name: "lib") { object(expression: "HEAD:") { ... on Tree { entries { name type object { ... on Blob { text } } } } } } }`,
    ],
  ];
  for (const [name, query, variables] of queries) test(name, () => passes(query, variables));

  const mutations: [name: string, query: string, input: object][] = [
    [
      'pr create',
      `mutation PullRequestCreate($input: CreatePullRequestInput!) { createPullRequest(input: $input) { pullRequest { id url } } }`,
      {
        repositoryId: 'R_app',
        title: 'Fix',
        body: 'x',
        draft: false,
        baseRefName: 'main',
        headRefName: taskBranch,
        maintainerCanModify: true,
      },
    ],
    [
      'pr create, of a branch with its owner',
      `mutation PullRequestCreate($input: CreatePullRequestInput!) { createPullRequest(input: $input) { pullRequest { id url } } }`,
      { repositoryId: 'R_app', title: 'Fix', baseRefName: 'main', headRefName: `acme:${taskBranch}` },
    ],
    [
      'pr create --label',
      'mutation PullRequestCreateMetadata($input: UpdatePullRequestInput!) { updatePullRequest(input: $input) { clientMutationId } }',
      { pullRequestId: 'PR_own', labelIds: ['LA_1'] },
    ],
    [
      'pr create --reviewer',
      'mutation PullRequestCreateRequestReviews($input: RequestReviewsInput!) { requestReviews(input: $input) { clientMutationId } }',
      { pullRequestId: 'PR_own', userIds: ['U_ann'], union: true },
    ],
    [
      'pr comment',
      'mutation CommentCreate($input: AddCommentInput!) { addComment(input: $input) { commentEdge { node { url } } } }',
      { subjectId: 'PR_other', body: 'Done.' },
    ],
    [
      'pr comment --edit-last',
      'mutation CommentUpdate($input: UpdateIssueCommentInput!) { updateIssueComment(input: $input) { issueComment { url } } }',
      { id: 'IC_own', body: 'Better.' },
    ],
    [
      'pr review --comment',
      'mutation PullRequestReviewAdd($input: AddPullRequestReviewInput!) { addPullRequestReview(input: $input) { clientMutationId } }',
      { pullRequestId: 'PR_other', event: 'COMMENT', body: 'x' },
    ],
    [
      'pr ready',
      `mutation PullRequestReadyForReview($input: MarkPullRequestReadyForReviewInput!) { markPullRequestReadyForReview(input: $input) { pullRequest { id } } }`,
      { pullRequestId: 'PR_own' },
    ],
    [
      'pr close',
      'mutation PullRequestClose($input: ClosePullRequestInput!) { closePullRequest(input: $input) { pullRequest { id } } }',
      { pullRequestId: 'PR_own' },
    ],
  ];
  for (const [name, query, input] of mutations) test(name, () => passes(query, { input }));
});

test('the reply of the reference agent to a review thread passes', () =>
  passes(
    `mutation Reply($thread: ID!, $body: String!) {
       addPullRequestReviewThreadReply(input: { pullRequestReviewThreadId: $thread, body: $body }) { comment { id } }
     }`,
    { thread: 'PRRT_app', body: 'Done.' },
  ));

describe('queries that leave the repositories', () => {
  const other = /no repository of the environment|search that may find|names nothing|may not make/;
  for (const [query, variables, why = other] of [
    ['{ repository(owner: "acme", name: "secret") { id } }'],
    ['{ repository(owner: "acme") { id } }'],
    ['query($o: String = "acme", $n: String = "secret") { repository(owner: $o, name: $n) { id } }'],
    ['query($n: String = "app") { repository(owner: "acme", name: $n) { id } }', { n: 'secret' }],
    ['{ a: repository(owner: "acme", name: "app") { id } b: repository(owner: "acme", name: "secret") { id } }'],
    ['{ repository(owner: "acme", name: "app") { owner { repositories(first: 9) { nodes { name } } } } }'],
    ['{ repository(owner: "acme", name: "app") { forks(first: 9) { nodes { name } } } }'],
    ['{ repository(owner: "acme", name: "app") { parent { object(expression: "HEAD") { id } } } }'],
    ['{ repository(owner: "acme", name: "app") { parent { ... on Repository { pullRequests { totalCount } } } } }'],
    [
      '{ repository(owner: "acme", name: "app") { pullRequest(number: 1) { headRepository { object(expression: "x") { id } } } } }',
    ],
    [
      '{ repository(owner: "acme", name: "app") { pullRequest(number: 1) { headRef { repository { issues { totalCount } } } } } }',
    ],
    [
      'fragment f on Repository { parent { ...f } issues { totalCount } } { repository(owner: "acme", name: "app") { ...f } }',
    ],
    ['{ viewer { repositories(first: 9) { nodes { name } } } }'],
    ['{ viewer { ... on User { repository(name: "secret") { id } } } }'],
    ['{ viewer { organizations(first: 9) { nodes { name } } } }'],
    ['{ organization(login: "acme") { id } }'],
    ['{ user(login: "ann") { gists(first: 1) { nodes { name } } } }'],
    ['{ node(id: "R_secret") { id } }'],
    ['{ node(id: "PR_secret") { ... on PullRequest { title } } }'],
    ['{ node(id: "U_ann") { ... on User { login } } }'],
    ['{ node(id: "nothing") { id } }'],
    ['query($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: ['R_app', 'R_secret'] }],
    ['{ node(id: 7) { id } }', undefined, /no text/],
    ['{ search(query: "is:pr", type: ISSUE, first: 9) { issueCount } }'],
    ['{ search(query: "repo:acme/app repo:acme/secret", type: ISSUE, first: 9) { issueCount } }'],
    ['{ search(query: "repo:acme/app org:acme", type: ISSUE, first: 9) { issueCount } }'],
    ['{ search(query: "repo:acme/app", type: REPOSITORY, first: 9) { repositoryCount } }'],
    [
      '{ search(query: "repo:acme/app\\" user:acme \\"", type: ISSUE, first: 9) { issueCount } }',
      undefined,
      /^passed|may/,
    ],
    ['{ search(query: "repo:acme/app label:\\"x\\"user:acme", type: ISSUE, first: 9) { issueCount } }'],
    ['{ resource(url: "https://github.com/acme/secret") { url } }'],
    ['{ relay { repository(owner: "acme", name: "secret") { id } } }'],
    ['{ rateLimit { cost } @x }', undefined, /cannot be checked/],
    ['{ viewer @x { login } }'],
    ['subscription { x }'],
    ['{ __proto__ { id } }'],
    ['{ node(id: "R_app") { ... on __proto__ { id } } }'],
    ['{ node(id: "R_app") { ... on constructor { id } } }'],
  ] as [string, object?, RegExp?][])
    test(query, () => refuses(query, variables, why));
});

describe('mutations that do more than the task needs', () => {
  const create = (input: string) => `mutation { createPullRequest(input: { ${input} }) { pullRequest { id } } }`;
  for (const [query, variables, why] of [
    [
      'mutation { mergePullRequest(input: { pullRequestId: "PR_own" }) { clientMutationId } }',
      undefined,
      /mergePullRequest/,
    ],
    [
      'mutation { enablePullRequestAutoMerge(input: { pullRequestId: "PR_own" }) { clientMutationId } }',
      undefined,
      /AutoMerge/,
    ],
    ['mutation { createCommitOnBranch(input: {}) { clientMutationId } }', undefined, /createCommitOnBranch/],
    ['mutation { deleteRef(input: { refId: "REF" }) { clientMutationId } }', undefined, /deleteRef/],
    ['mutation { toString(input: {}) { clientMutationId } }', undefined, /toString/],
    [
      'mutation { ...f } fragment f on Mutation { mergePullRequest(input: {}) { clientMutationId } }',
      undefined,
      /within a fragment/,
    ],
    [
      'mutation { closePullRequest(input: { pullRequestId: "PR_other" }) { clientMutationId } }',
      undefined,
      /no pull request of the task's branch/,
    ],
    [
      'mutation { closePullRequest(input: { pullRequestId: "PR_fork" }) { clientMutationId } }',
      undefined,
      /no pull request of the task's branch/,
    ],
    [
      'mutation { closePullRequest(input: { pullRequestId: "PR_secret" }) { clientMutationId } }',
      undefined,
      /acme\/secret is no repository/,
    ],
    ['mutation { closePullRequest(input: {}) { clientMutationId } }', undefined, /lacks an ID/],
    ['mutation { closePullRequest { clientMutationId } }', undefined, /has no input/],
    ['mutation($i: ClosePullRequestInput!) { closePullRequest(input: $i) { clientMutationId } }', {}, /has no input/],
    [
      'mutation { closePullRequest(input: { pullRequestId: "PR_own", pullRequestId: "PR_other" }) { clientMutationId } }',
      undefined,
      /twice/,
    ],
    [
      'mutation { addComment(input: { subjectId: "R_lib", body: "x" }) { clientMutationId } }',
      undefined,
      /acme\/lib is no repository.*cannot be changed/,
    ],
    [
      'mutation { addComment(input: { subjectId: "U_ann", body: "x" }) { clientMutationId } }',
      undefined,
      /names nothing/,
    ],
    [
      'mutation { updateIssueComment(input: { id: "IC_other", body: "x" }) { clientMutationId } }',
      undefined,
      /comment of another user/,
    ],
    [
      'mutation { addPullRequestReview(input: { pullRequestId: "PR_own", event: APPROVE }) { clientMutationId } }',
      undefined,
      /a review that is more/,
    ],
    [
      'mutation($e: PullRequestReviewEvent = APPROVE) { addPullRequestReview(input: { pullRequestId: "PR_own", event: $e }) { clientMutationId } }',
      undefined,
      /a review that is more/,
    ],
    [
      'mutation { addPullRequestReviewThreadReply(input: { pullRequestReviewThreadId: "PRRT_secret", body: "x" }) { comment { id } } }',
      undefined,
      /acme\/secret/,
    ],
    [
      create('repositoryId: "R_app", baseRefName: "main", headRefName: "main", title: "x"'),
      undefined,
      /a pull request of \\"main\\"/,
    ],
    [
      create(`repositoryId: "R_lib", baseRefName: "main", headRefName: "${taskBranch}", title: "x"`),
      undefined,
      /acme\/lib/,
    ],
    [
      create(`repositoryId: "R_app", headRepositoryId: "R_lib", headRefName: "${taskBranch}", title: "x"`),
      undefined,
      /acme\/lib/,
    ],
    [create(`repositoryId: "R_app", headRefName: "mallory:${taskBranch}", title: "x"`), undefined, /mallory/],
    [create(`repositoryId: "R_app", headRefName: "${taskBranch}", projectIds: []`), undefined, /projectIds/],
    [create(`headRefName: "${taskBranch}"`), undefined, /lacks an ID/],
  ] as [string, object | undefined, RegExp][])
    test(query, () => refuses(query, variables, why));
});

describe('a request that cannot be checked', () => {
  const query = '{ viewer { login } }';
  for (const [body, why] of [
    ['[]', /no JSON object/],
    [[{ query }], /no JSON object/],
    ['{', /no JSON object/],
    [{ variables: {} }, /no query/],
    [{ query: '{ viewer {' }, /Syntax Error/],
    [{ query: `${query} query Two { viewer { login } }` }, /exactly one operation/],
    [{ query: 'fragment f on User { login }' }, /exactly one operation/],
    [{ query: 'query One { viewer { login } }', operationName: 'Two' }, /no operation of this name/],
    [{ query: 'type Query { x: Int }' }, /defines types/],
    [{ query, variables: [] }, /variables/],
    [{ query: '{ node(id: $x) { id } }' }, /does not declare/],
    [{ query: '{ viewer { ...missing } }' }, /a fragment is missing/],
    [{ query: `{ a${'{ a'.repeat(5000)}${'}'.repeat(5001)}` }, /nested too deeply/],
    [{ query: `{ ${'viewer { login } '.repeat(10_000)} }` }, /tokens/],
    [`"${'x'.repeat(1 << 20)}"`, /no JSON object/],
  ] as [unknown, RegExp][])
    test(JSON.stringify(body).slice(0, 80), async () => {
      const { message } = await review({ path: '/graphql', body });
      assert.match(message ?? 'passed', why);
    });

  test('by GET, or compressed', async () => {
    assert.match((await review({ path: '/graphql?query={viewer{login}}' })).message ?? '', /not a POST|plan42/);
    const compressed = await review({ path: '/graphql', body: { query }, headers: ['Content-Encoding', 'gzip'] });
    assert.match(compressed.message ?? '', /Content-Encoding/);
  });
});

test('fragments that include each other many times are checked once', async () => {
  const fragments = Array.from(
    { length: 40 },
    (_, n) => `fragment f${n} on Repository { ...f${n + 1} ...f${n + 1} ...f${n + 1} }`,
  );
  const { message } = await send(
    `{ repository(owner: "acme", name: "app") { ...f0 } } ${fragments.join(' ')} fragment f40 on Repository { id ...f0 }`,
  );
  assert.equal(message, undefined);
});

test('the question about IDs is valid', async () => {
  let asked = '';
  await createLookups().nodes('/graphql', ['x'], {
    request: { host: 'api.github.com' },
    ask: async ({ body = '' }) => {
      asked = (JSON.parse(body) as { query: string }).query;
      return { status: 401, rawHeaders: [], body: new Uint8Array() };
    },
  });
  assert.deepEqual(validate(githubSchema(), parse(asked)), []);
});

test('GitHub is asked once about an ID', async () => {
  questions.length = 0;
  for (let n = 0; n < 2; n += 1)
    await passes('query($id: ID!) { node(id: $id) { ... on Issue { title } } }', { id: 'I_app' });
  assert.deepEqual(questions, ['POST /graphql']);
});

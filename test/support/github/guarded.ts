/** The guard of a GitHub, with requests and the answers of a GitHub that has two repositories. */
import { createGithubGuard } from '../../../src/gateway/github-guard/guard.ts';
import type { GithubRules } from '../../../src/gateway/github-guard/rules.ts';
import type { Answer, Question, Verdict } from '../../../src/gateway/intercept/hooks.ts';

export const taskBranch = 'plan42/fix-1234abcd';
export const guardRules: GithubRules = {
  host: 'github.com',
  port: 443,
  setting: '[github.acme]',
  push: 'task-branch',
  api: 'task',
  repositories: [{ name: 'acme/app', branches: [taskBranch, `${taskBranch}-turn-2`] }],
  alsoRead: ['acme/lib', 'tools/*'],
};

const inApp = { repository: { nameWithOwner: 'Acme/App' } };
const head = (ref: string, nameWithOwner = 'Acme/App') => ({ headRefName: ref, headRepository: { nameWithOwner } });
/** Objects of this GitHub, by ID. */
const nodes: Record<string, object> = {
  R_app: { __typename: 'Repository', nameWithOwner: 'Acme/App' },
  R_lib: { __typename: 'Repository', nameWithOwner: 'acme/lib' },
  R_secret: { __typename: 'Repository', nameWithOwner: 'acme/secret' },
  PR_own: { __typename: 'PullRequest', ...inApp, ...head(taskBranch) },
  PR_other: { __typename: 'PullRequest', ...inApp, ...head('feature') },
  PR_fork: { __typename: 'PullRequest', ...inApp, ...head(taskBranch, 'mallory/app') },
  PR_secret: {
    __typename: 'PullRequest',
    repository: { nameWithOwner: 'acme/secret' },
    ...head(taskBranch, 'acme/secret'),
  },
  I_app: { __typename: 'Issue', ...inApp },
  IC_own: { __typename: 'IssueComment', ...inApp, viewerDidAuthor: true },
  IC_other: { __typename: 'IssueComment', ...inApp, viewerDidAuthor: false },
  PRRT_app: { __typename: 'PullRequestReviewThread', ...inApp, pullRequest: head('feature') },
  PRRT_secret: { __typename: 'PullRequestReviewThread', repository: { nameWithOwner: 'acme/secret' } },
  U_ann: { __typename: 'User' },
};

function answer({ method, path, body = '' }: Question): unknown {
  if (method === 'POST') {
    const { variables } = JSON.parse(body) as { variables: { ids: string[] } };
    return { data: { nodes: variables.ids.map((id) => nodes[id] ?? null) } };
  }
  const rest = path.replace(/^\/api\/v3/, '');
  if (rest === '/user') return { login: 'ann' };
  if (rest === '/repositories/1') return { full_name: 'Acme/App' };
  if (rest === '/repositories/2') return { full_name: 'acme/secret' };
  if (rest === '/repos/acme/app/pulls/1') return { head: { ref: taskBranch, repo: { full_name: 'Acme/App' } } };
  if (rest === '/repos/acme/app/pulls/2') return { head: { ref: 'feature', repo: { full_name: 'Acme/App' } } };
  if (rest === '/repos/acme/app/pulls/3') return { head: { ref: taskBranch, repo: { full_name: 'mallory/app' } } };
  if (rest === '/repos/acme/app/issues/comments/1') return { user: { login: 'ann' } };
  if (rest === '/repos/acme/app/issues/comments/2') return { user: { login: 'bob' } };
  return undefined;
}

export interface SentRequest {
  method?: string;
  host?: string;
  path: string;
  headers?: readonly string[];
  /** A value is sent as JSON. */
  body?: unknown;
}

export interface Reviewed {
  verdict: Verdict;
  /** Undefined if it passes. */
  message: string | undefined;
  /** The body that is passed on in place of that of the request. */
  sent: string | undefined;
}

/** @returns a function that reviews requests, and the questions that the guard had. */
export function startGuard(rules: Partial<GithubRules> = {}) {
  const guard = createGithubGuard({ ...guardRules, ...rules });
  const questions: string[] = [];
  const ask = async (question: Question): Promise<Answer> => {
    questions.push(`${question.method} ${question.path}`);
    const found = answer(question);
    const body = Buffer.from(JSON.stringify(found ?? { message: 'Not Found' }));
    return { status: found === undefined ? 404 : 200, rawHeaders: ['Content-Type', 'application/json'], body };
  };
  async function review({ method, host = 'api.github.com', path, headers = [], body }: SentRequest): Promise<Reviewed> {
    const bytes = Buffer.from(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
    const length = body === undefined ? [] : ['Content-Length', String(bytes.length)];
    const verdict = await guard.review(
      {
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        ...{ host, port: 443, path, rawHeaders: [...length, ...headers] },
        body: (async function* () {
          yield bytes;
        })(),
      },
      ask,
    );
    const chunks: Uint8Array[] = [];
    if (verdict.kind === 'pass' && verdict.body !== undefined)
      for await (const chunk of verdict.body) chunks.push(chunk);
    return {
      verdict,
      message: verdict.kind === 'respond' ? String(verdict.body) : undefined,
      sent: verdict.kind === 'pass' && verdict.body !== undefined ? Buffer.concat(chunks).toString() : undefined,
    };
  }
  return { review, questions };
}

import * as v from 'valibot';
import { tryParseJson } from '../../lib/json.ts';
import { knownFields, view } from '../../plan42/fields.ts';
import { EnvVar, environmentFields, taskFields, turnFields } from '../../plan42/objects.ts';
import { PartialRepoInfo } from '../../plan42/runner-objects.ts';
import { titleOf } from '../../plan42/task-input.ts';

/** The fields of an InvokeAgentRequest that agents use. */
export interface AgentRequest {
  tenantId: string;
  taskId: string;
  turnIndex: number;
  workstreamId: string | undefined;
  /** Version of the task when the turn was sent. */
  taskVersion: number;
  /** Version of the turn that the runner last read. */
  version: number;
  title: string;
  prompt: string;
  /** The prompt of the task's first turn. */
  taskPrompt: string;
  model: string | undefined;
  /** The variables by which programs find the APIs and keys of models that the request names. */
  modelVariables: Record<string, string>;
  /** `Low`, `Medium` or `High`. */
  reasoningLevel: string | undefined;
  previousResponseId: string | undefined;
  /** The files of the task. */
  fileIds: string[];
  /** The repositories of the environment and of the task, `org/repo`. */
  repos: string[];
  /** The task's work on each repository so far. */
  repoInfo: Record<string, RepoState>;
  /** Where a repository is that is not on GitHub. A value that begins with `/` is a path below the server's URL. */
  repoUrls: Record<string, string>;
  /** Notes about the environment, for the prompt. */
  context: string;
  setupScript: string;
  /** Authorises calls on this turn. */
  token: string;
  githubToken: string | undefined;
  githubUrl: string | undefined;
  feedback: FeedBack;
  /** The variables of the task's environment, secrets included. Only the agent can give them to the programs that it runs. */
  variables: Record<string, string>;
  /** Values that must appear in no log. */
  secrets: string[];
}

export type RepoState = v.InferOutput<typeof PartialRepoInfo>;

/** The request is invalid. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
}

const text = v.nullish(v.string());

const FeedBackComment = knownFields({
  User: text,
  Body: text,
  DiffHunk: text,
  Path: text,
  StartLine: v.nullish(v.number()),
  OrigStartLine: v.nullish(v.number()),
  IsMinimized: v.nullish(v.boolean()),
});
const FeedBackItem = knownFields({
  ID: text,
  IsResolved: v.nullish(v.boolean()),
  Comments: v.nullish(v.array(FeedBackComment)),
});
const FeedBack = v.record(v.string(), v.nullish(v.array(FeedBackItem)));
export type FeedBackComment = v.InferOutput<typeof FeedBackComment>;
export type FeedBackItem = v.InferOutput<typeof FeedBackItem>;
export type FeedBack = v.InferOutput<typeof FeedBack>;

const Task = knownFields({
  ...view(taskFields, [], ['Title', 'Prompt', 'Model', 'WorkstreamId', 'Version']),
  ReasoningLevel: text,
  FileIDs: v.nullish(v.array(v.string())),
  NewFileIDs: v.nullish(v.array(v.string())),
  RepoInfo: v.nullish(v.record(v.string(), PartialRepoInfo)),
});
const Turn = knownFields({
  ...view(turnFields, ['TenantId', 'TaskId', 'TurnIndex', 'Version', 'Prompt'], ['PreviousResponseID']),
  ReasoningLevel: text,
});
const Environment = knownFields({
  ...view(environmentFields, [], ['Repos', 'Context', 'SetupScript']),
  EnvVars: v.nullish(v.array(EnvVar)),
});
const Request = knownFields({
  Task: v.nullish(Task),
  Turn,
  Environment: v.nullish(Environment),
  AgentToken: v.pipe(v.string(), v.nonEmpty()),
  GithubToken: text,
  GithubURL: text,
  RepoURLs: v.nullish(v.record(v.string(), v.string())),
  OpenAIEndpoint: text,
  OpenAIToken: text,
  ClaudeEndpoint: text,
  ClaudeToken: text,
  ModelMappings: v.nullish(v.record(v.string(), v.nullish(knownFields({ Model: text })))),
  FeedBack: v.nullish(FeedBack),
});

/** @throws RequestError */
export function parseRequest(json: string): AgentRequest {
  const { Task, Turn, Environment, AgentToken, GithubToken, GithubURL, RepoURLs, FeedBack, ...models } = parse(json);
  const repoInfo = Task?.RepoInfo ?? {};
  const envVars = Environment?.EnvVars ?? [];
  return {
    tenantId: Turn.TenantId,
    taskId: Turn.TaskId,
    turnIndex: Turn.TurnIndex,
    workstreamId: Task?.WorkstreamId || undefined,
    taskVersion: Task?.Version ?? 0,
    version: Turn.Version,
    title: Task?.Title || titleOf(Task?.Prompt || Turn.Prompt),
    prompt: Turn.Prompt,
    taskPrompt: Task?.Prompt ?? '',
    model: models.ModelMappings?.[Task?.Model ?? '']?.Model || Task?.Model || undefined,
    modelVariables: modelVariables(models),
    reasoningLevel: Turn.ReasoningLevel || Task?.ReasoningLevel || undefined,
    previousResponseId: Turn.PreviousResponseID || undefined,
    fileIds: [...new Set([...(Task?.FileIDs ?? []), ...(Task?.NewFileIDs ?? [])])],
    repos: [...new Set([...(Environment?.Repos ?? []), ...Object.keys(repoInfo)])],
    repoInfo,
    repoUrls: RepoURLs ?? {},
    context: Environment?.Context ?? '',
    setupScript: Environment?.SetupScript ?? '',
    token: AgentToken,
    githubToken: GithubToken || undefined,
    githubUrl: GithubURL || undefined,
    feedback: FeedBack ?? {},
    variables: Object.fromEntries(envVars.map(({ Name, Value }) => [Name, Value])),
    secrets: [
      AgentToken,
      ...[GithubToken, models.OpenAIToken, models.ClaudeToken].flatMap((token) => token || []),
      ...envVars.filter(({ IsSecret }) => IsSecret === true).map(({ Value }) => Value),
    ],
  };
}

function modelVariables(request: Partial<v.InferOutput<typeof Request>>): Record<string, string> {
  const variables = {
    OPENAI_BASE_URL: request.OpenAIEndpoint,
    OPENAI_API_KEY: request.OpenAIToken,
    ANTHROPIC_BASE_URL: request.ClaudeEndpoint,
    ANTHROPIC_API_KEY: request.ClaudeToken,
  };
  return Object.fromEntries(Object.entries(variables).filter((entry): entry is [string, string] => Boolean(entry[1])));
}

function parse(json: string): v.InferOutput<typeof Request> {
  const input = tryParseJson(json);
  if (typeof input !== 'object' || input === null) throw new RequestError('standard input is not a JSON object');
  const result = v.safeParse(Request, input);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = v.getDotPath(issue) ?? '';
  throw new RequestError(
    issue.received === 'undefined' ? `the request has no ${field}` : `the request has an invalid ${field}`,
  );
}

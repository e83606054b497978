/** The messages inside the encrypted payloads: requests of callers, and the runner's responses. */
import * as v from 'valibot';
import { knownFields } from './fields.ts';
import { PartialTask } from './runner-objects.ts';

const text = v.nullish(v.string());
const anything = v.optional(v.unknown());

export const Request = knownFields({ Type: v.string() });
export type Request = v.InferOutput<typeof Request>;

/**
 * The parts of an InvokeAgentRequest that the runner itself reads. The fields that a job cannot start without (task ID,
 * turn index, image) are checked on acceptance instead, because a rejection there reaches the caller.
 */
export const InvokeAgentRequest = knownFields({
  Type: v.literal('InvokeAgentRequest'),
  Task: v.nullish(PartialTask),
  Turn: v.nullish(
    knownFields({
      TenantId: text,
      TaskId: anything,
      TurnIndex: anything,
      Version: anything,
      Status: anything,
    }),
  ),
  Environment: v.nullish(
    knownFields({
      DockerImage: anything,
      Repos: anything,
      AllowedHosts: anything,
      EnvVars: anything,
    }),
  ),
  GithubURL: anything,
  RepoURLs: anything,
  OpenAIEndpoint: anything,
  OpenAIToken: anything,
  ClaudeEndpoint: anything,
  ClaudeToken: anything,
  PrivateGithubConnectionID: text,
  AgentToken: text,
  FeedBack: anything,
});
export type InvokeAgentRequest = v.InferOutput<typeof InvokeAgentRequest>;

const limit = v.nullish(v.number());

export const ListOrgsForGithubConnectionRequest = knownFields({
  ConnectionID: text,
  MaxResults: limit,
  Token: text,
  Search: text,
});
export type ListOrgsForGithubConnectionRequest = v.InferOutput<typeof ListOrgsForGithubConnectionRequest>;

export const SearchRepoRequest = knownFields({
  ConnectionID: text,
  OrgName: text,
  Search: text,
  MaxResults: limit,
  Token: text,
});
export type SearchRepoRequest = v.InferOutput<typeof SearchRepoRequest>;

export const ListRepoBranchesRequest = knownFields({
  ConnectionID: text,
  OrgName: text,
  RepoName: text,
  Search: text,
  MaxResults: limit,
  Token: text,
});
export type ListRepoBranchesRequest = v.InferOutput<typeof ListRepoBranchesRequest>;

export const GetDefaultBranchesRequest = knownFields({ ConnectionID: text, Repos: v.nullish(v.array(v.string())) });

// Each response is a type for the runner, which sends every field, and a schema for the server, which accepts less.

export interface PingResponse {
  Type: 'PingResponse';
}
export const PingResponse = knownFields({ Type: v.literal('PingResponse') });

export interface InvokeAgentResponse {
  Type: 'InvokeAgentResponse';
  ErrorMessage: string | null;
}
export const InvokeAgentResponse = knownFields({ Type: v.literal('InvokeAgentResponse'), ErrorMessage: text });

/** `Items` is null beside an `ErrorMessage`. */
export interface ListResponse {
  Type: 'ListOrgsForGithubConnectionResponse' | 'SearchRepoResponse' | 'ListRepoBranchesResponse';
  Items: string[] | null;
  NextToken: string | null;
  ErrorMessage: string | null;
  /** GitHub's status, or the one for a request that was not sent, if it says whose fault it is. Servers that do not know it ignore it. */
  ErrorStatus?: number;
  /** Why results are missing from `Items`. Absent if the list is complete. Servers that do not know it ignore it. */
  Incomplete?: string;
}

export function listResponse(type: ListResponse['Type']) {
  return knownFields({
    Type: v.literal(type),
    Items: v.nullish(v.array(v.string())),
    NextToken: text,
    ErrorMessage: text,
    ErrorStatus: v.fallback(v.optional(v.number()), undefined),
    Incomplete: text,
  });
}

export interface GetDefaultBranchesResponse {
  Type: 'GetDefaultBranchesResponse';
  Items: { Repo: string; DefaultBranch: string }[] | null;
  ErrorMessage: string | null;
  /** As in {@link ListResponse}. */
  ErrorStatus?: number;
}

export const GetDefaultBranchesResponse = knownFields({
  Type: v.literal('GetDefaultBranchesResponse'),
  Items: v.nullish(v.array(knownFields({ Repo: v.string(), DefaultBranch: v.string() }))),
  ErrorMessage: text,
  ErrorStatus: v.fallback(v.optional(v.number()), undefined),
});

export type Response = PingResponse | InvokeAgentResponse | ListResponse | GetDefaultBranchesResponse;

/** One comment of a review, or on a pull request. Missing texts are empty, missing numbers 0. */
export interface FeedBackComment {
  User: string;
  Body: string;
  Date: string;
  DiffHunk: string;
  Path: string;
  StartLine: number;
  OrigStartLine: number;
  CommitHash: string;
  IsMinimized: boolean;
  MinimizedReason: string;
}

export interface FeedBackItem {
  ID: string;
  IsResolved: boolean;
  Comments: FeedBackComment[];
}

/** The feedback on the pull requests of a task, by `org/repo`. */
export type FeedBack = Record<string, FeedBackItem[]>;

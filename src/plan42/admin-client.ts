import * as v from 'valibot';
import {
  AdminAccessKey,
  AdminConnection,
  AdminEnvironment,
  AdminRunner,
  AdminRunnerToken,
  AdminTask,
  AdminTenant,
  AdminTurn,
  ConnectionOrgs,
  NewAccessKey,
  NewRunnerToken,
  NewSignInLink,
} from './admin-objects.ts';
import { maxOrgs } from './connection-check.ts';
import { ApiError } from './errors.ts';
import { knownFields } from './fields.ts';
import type { FollowOptions } from './follow-events.ts';
import { type ApiEndpoint, callApi } from './http.ts';
import type { EnvVar } from './objects.ts';
import type { SignInLink } from './page-objects.ts';
import { pathSegment } from './path-segment.ts';
import { UsageSummary } from './provider-usage.ts';
import { TenantCalls } from './tenant-calls.ts';
import { streamTurnLogs, type TurnLogEntry } from './turn-logs.ts';
import {
  ListedSubAgent,
  ListedTurnEvent,
  type NewestEvents,
  SentMessage,
  streamTurnEvents,
  type TurnEvent,
  type TurnMessage,
} from './turn-messages.ts';
import { TurnNetwork } from './turn-network.ts';

/** The fields of an environment that a client sets. A secret without a value keeps the one that the server has. */
export interface EnvironmentChanges {
  Name?: string | undefined;
  Description?: string | undefined;
  Context?: string | undefined;
  SetupScript?: string | undefined;
  DockerImage?: string | undefined;
  Repos?: readonly string[] | undefined;
  AllowedHosts?: readonly string[] | undefined;
  EnvVars?: readonly EnvVar[] | undefined;
  RunnerId?: string | undefined;
  GithubConnectionId?: string | undefined;
  Ephemeral?: boolean | undefined;
}

export interface NewTask {
  Title: string;
  Prompt: string;
  EnvironmentId: string;
  Model?: string;
  RepoInfo: Record<string, { FeatureBranch: string; TargetBranch: string }>;
  FileIDs?: readonly string[];
}

/** Returns the tenant of the endpoint's token. */
export function getCurrentTenant(endpoint: ApiEndpoint, signal?: AbortSignal): Promise<AdminTenant> {
  return callApi(endpoint, { method: 'GET', path: '/v1/current-user', signal }, AdminTenant);
}

/** The API calls of a tenant. Each rejects with an ApiError or a ConnectionError. Lists include all pages. */
export class AdminClient {
  readonly #calls: TenantCalls;

  /** `signal` aborts every call. */
  constructor(endpoint: ApiEndpoint, tenantId: string, signal?: AbortSignal) {
    this.#calls = new TenantCalls(endpoint, tenantId, signal);
  }

  listRunners(): Promise<AdminRunner[]> {
    return this.#calls.list('/runners', {}, AdminRunner);
  }

  createRunnerToken(runnerId: string, tokenId: string, ttlDays: number): Promise<NewRunnerToken> {
    return this.#calls.call('PUT', tokenPath(runnerId, tokenId), NewRunnerToken, { body: { TTLDays: ttlDays } });
  }

  /** Includes expired and revoked tokens. */
  listRunnerTokens(runnerId: string): Promise<AdminRunnerToken[]> {
    const path = `/runners/${pathSegment(runnerId)}/tokens`;
    return this.#calls.list(path, { includeRevoked: 'true' }, AdminRunnerToken, 'Items', 'nextPageToken');
  }

  async revokeRunnerToken(token: Pick<AdminRunnerToken, 'RunnerID' | 'TokenID' | 'Version'>): Promise<void> {
    const path = `${tokenPath(token.RunnerID, token.TokenID)}/revoke`;
    await this.#calls.call('POST', path, v.unknown(), { ifMatch: token.Version });
  }

  /** Creates a key pair for clients that sign requests. Only our server has them. */
  createAccessKey(name: string): Promise<NewAccessKey> {
    return this.#calls.call('POST', '/access-keys', NewAccessKey, { body: { Name: name } });
  }

  /** Includes revoked keys. */
  listAccessKeys(): Promise<AdminAccessKey[]> {
    return this.#calls.list('/access-keys', { includeRevoked: 'true' }, AdminAccessKey);
  }

  async revokeAccessKey({ AccessKeyID }: Pick<AdminAccessKey, 'AccessKeyID'>): Promise<void> {
    await this.#calls.call('POST', `/access-keys/${pathSegment(AccessKeyID)}/revoke`, v.unknown());
  }

  /** Creates a link that signs in at the web page of the server. It works once. */
  createSignInLink(): Promise<SignInLink> {
    const { endpoint, signal } = this.#calls;
    return callApi(endpoint, { method: 'POST', path: '/page/sign-in-links', signal }, NewSignInLink);
  }

  listEnvironments(): Promise<AdminEnvironment[]> {
    return this.#calls.list('/environments', {}, AdminEnvironment);
  }

  createEnvironment(id: string, environment: EnvironmentChanges): Promise<AdminEnvironment> {
    const required = {
      Name: '',
      Description: '',
      Context: '',
      Repos: [],
      SetupScript: '',
      DockerImage: '',
      EnvVars: [],
    };
    const body = { ...required, AllowedHosts: [], ...environment };
    return this.#calls.call('PUT', environmentPath(id), AdminEnvironment, { body });
  }

  updateEnvironment(
    { EnvironmentId, Version }: Pick<AdminEnvironment, 'EnvironmentId' | 'Version'>,
    changes: EnvironmentChanges,
  ): Promise<AdminEnvironment> {
    return this.#calls.call('PATCH', environmentPath(EnvironmentId), AdminEnvironment, {
      ifMatch: Version,
      body: changes,
    });
  }

  /** Deletes the environment, which can be undeleted until the server removes it. */
  async deleteEnvironment({
    EnvironmentId,
    Version,
  }: Pick<AdminEnvironment, 'EnvironmentId' | 'Version'>): Promise<void> {
    await this.#calls.call('DELETE', environmentPath(EnvironmentId), v.unknown(), { ifMatch: Version });
  }

  getTenant(): Promise<AdminTenant> {
    return this.#calls.call('GET', '', AdminTenant);
  }

  /** An empty ID clears the default. */
  setDefaultConnection({ Version }: Pick<AdminTenant, 'Version'>, connectionId: string): Promise<AdminTenant> {
    const body = { DefaultGithubConnectionID: connectionId };
    return this.#calls.call('PATCH', '', AdminTenant, { ifMatch: Version, body });
  }

  listConnections(): Promise<AdminConnection[]> {
    return this.#calls.list('/github-connections', {}, AdminConnection);
  }

  /** Asks the connection's runner for the first organisations. */
  listOrgs(connectionId: string): Promise<ConnectionOrgs> {
    return this.#calls.call('GET', `${connectionPath(connectionId)}/orgs?maxResults=${maxOrgs}`, ConnectionOrgs);
  }

  /** Creates a private connection: a runner has its GitHub token. */
  createConnection(id: string, connection: { Name: string; RunnerID: string }): Promise<AdminConnection> {
    return this.#calls.call('PUT', connectionPath(id), AdminConnection, { body: { Private: true, ...connection } });
  }

  async deleteConnection({ ConnectionID, Version }: Pick<AdminConnection, 'ConnectionID' | 'Version'>): Promise<void> {
    await this.#calls.call('DELETE', connectionPath(ConnectionID), v.unknown(), { ifMatch: Version });
  }

  /** Creates a repository that the server keeps, unless it exists. Only our server has them. */
  async createRepository(name: string): Promise<void> {
    await this.#calls.call('PUT', `/repos/${pathSegment(name)}`, v.unknown());
  }

  createTask(id: string, task: NewTask): Promise<AdminTask> {
    return this.#calls.call('PUT', taskPath(id), AdminTask, { body: task });
  }

  getTask(id: string): Promise<AdminTask> {
    return this.#calls.call('GET', taskPath(id), AdminTask);
  }

  listTasks(): Promise<AdminTask[]> {
    return this.#calls.list('/tasks', {}, AdminTask, 'Tasks');
  }

  /** Deletes the task, which can be undeleted until the server removes it. */
  async deleteTask(task: Pick<AdminTask, 'TaskId' | 'Version'>): Promise<void> {
    await this.#calls.call('DELETE', taskPath(task.TaskId), v.unknown(), { ifMatch: task.Version });
  }

  listTurns(taskId: string): Promise<AdminTurn[]> {
    return this.#calls.list(`${taskPath(taskId)}/turns`, {}, AdminTurn, 'Turns');
  }

  getTurn(taskId: string, index: number | 'last'): Promise<AdminTurn> {
    return this.#calls.call('GET', `${taskPath(taskId)}/turns/${index}`, AdminTurn);
  }

  createTurn(task: AdminTask, index: number, prompt: string, fileIds: readonly string[] = []): Promise<AdminTurn> {
    const path = `${taskPath(task.TaskId)}/turns/${index}`;
    const body = { Prompt: prompt, ...(fileIds.length > 0 && { AdditionalFileIDs: fileIds }) };
    return this.#calls.call('PUT', path, AdminTurn, { ifMatch: task.Version, body });
  }

  /** A version conflict rejects with an ApiError whose `current` is the turn as it is now. */
  updateTurn(
    turn: AdminTurn,
    patch: { Status: string; OutputMessage?: string; ErrorMessage?: string },
  ): Promise<AdminTurn> {
    const path = `${taskPath(turn.TaskId)}/turns/${turn.TurnIndex}`;
    return this.#calls.call('PATCH', path, AdminTurn, { ifMatch: turn.Version, body: patch });
  }

  /** Returns what the runner reported on the network of a turn; undefined if it did not. Other servers have no such call. */
  async getNetwork(taskId: string, index: number): Promise<TurnNetwork | undefined> {
    return await orNothing(this.#calls.call('GET', `${taskPath(taskId)}/turns/${index}/network`, TurnNetwork));
  }

  /** Returns what the models of a turn used; undefined if that was not counted. Other servers have no such call. */
  async getUsage(taskId: string, index: number): Promise<UsageSummary | undefined> {
    return await orNothing(this.#calls.call('GET', `${taskPath(taskId)}/turns/${index}/provider-usage`, UsageSummary));
  }

  /** Sends a message to the agent of a turn. It may be sent again with the same ID. */
  sendMessage({ TaskId, TurnIndex }: AdminTurn, id: string, text: string): Promise<TurnMessage> {
    const path = `${taskPath(TaskId)}/turns/${TurnIndex}/messages/${pathSegment(id)}`;
    return this.#calls.call('PUT', path, SentMessage, { body: { FromType: 'Tenant', Message: text } });
  }

  /** Returns the messages of a turn until now. Other servers have no such call. */
  async listTurnEvents(taskId: string, index: number): Promise<ListedTurnEvent[]> {
    const path = `${taskPath(taskId)}/turns/${index}/events`;
    return (await orNothing(this.#calls.list(path, {}, ListedTurnEvent))) ?? [];
  }

  /** Returns the last messages of a turn. Other servers have no such call. */
  async newestTurnEvents(taskId: string, index: number): Promise<NewestEvents> {
    const path = `${taskPath(taskId)}/turns/${index}/events?newestFirst=true&maxResults=${newestEvents}`;
    const Page = knownFields({ Items: v.array(ListedTurnEvent), NextToken: v.nullish(v.string()) });
    const page = await orNothing(this.#calls.call('GET', path, Page));
    return { events: page?.Items.toReversed() ?? [], hasEarlier: (page?.NextToken ?? '') !== '' };
  }

  async listSubAgents(taskId: string, index: number): Promise<ListedSubAgent[]> {
    const path = `${taskPath(taskId)}/turns/${index}/subagents`;
    return (await orNothing(this.#calls.list(path, {}, ListedSubAgent))) ?? [];
  }

  /** Yields the messages of a turn until it is finished: see {@link streamTurnEvents}. */
  turnEvents(taskId: string, index: number, options: FollowOptions = {}): AsyncGenerator<TurnEvent, void> {
    const { endpoint, path, signal } = this.#calls;
    return streamTurnEvents(endpoint, `${path}${taskPath(taskId)}/turns/${index}/messages`, { signal, ...options });
  }

  /** Returns the index of the newest log entry, or undefined without entries. */
  async getLastLogIndex(taskId: string, index: number): Promise<number | undefined> {
    const path = `${taskPath(taskId)}/turns/${index}/logs/last`;
    try {
      return (await this.#calls.call('GET', path, knownFields({ Index: v.number() }))).Index;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Yields the log of a turn until the turn is finished: see {@link streamTurnLogs}. */
  turnLogs(taskId: string, index: number, options: FollowOptions = {}): AsyncGenerator<TurnLogEntry, void> {
    const { endpoint, path, signal } = this.#calls;
    return streamTurnLogs(endpoint, `${path}${taskPath(taskId)}/turns/${index}/logs`, { signal, ...options });
  }
}

const newestEvents = 50;

function environmentPath(environmentId: string): string {
  return `/environments/${pathSegment(environmentId)}`;
}

function connectionPath(connectionId: string): string {
  return `/github-connections/${pathSegment(connectionId)}`;
}

function taskPath(taskId: string): string {
  return `/tasks/${pathSegment(taskId)}`;
}

function tokenPath(runnerId: string, tokenId: string): string {
  return `/runners/${pathSegment(runnerId)}/tokens/${pathSegment(tokenId)}`;
}

/** Undefined if the server has no such object, or no such call. */
async function orNothing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ApiError && [400, 403, 404, 405, 501].includes(error.status)) return undefined;
    throw error;
  }
}

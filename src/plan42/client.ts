import * as v from 'valibot';
import type { WrappedSecret } from './ecies.ts';
import { type EndedTurn, EndedTurns } from './ended-turns.ts';
import { type ApiCall, type ApiEndpoint, callApi, pollApi } from './http.ts';
import { pathSegment } from './path-segment.ts';
import type { ReportedUsage } from './provider-usage.ts';
import { PartialQueue, PartialTask, PartialTurn } from './runner-objects.ts';
import { NetworkResponse, type ReportedNetwork } from './turn-network.ts';

const nothing = v.unknown();

export interface CallOptions {
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
  headers?: Readonly<Record<string, string>> | undefined;
}

/** The turn's fields that a runner writes. An empty patch is a heartbeat. */
export interface TurnPatch {
  Status?: string;
  ErrorMessage?: string;
  CompletedAt?: string;
}

// Added to the wait of a long poll, for a slow network.
const pollAllowanceMs = 15_000;

/**
 * The API calls of a runner. Each rejects with an ApiError or a ConnectionError. None retries, because the meaning of
 * a failure depends on the call.
 */
export class Plan42Client {
  #endpoint: ApiEndpoint;

  constructor(endpoint: ApiEndpoint) {
    this.#endpoint = endpoint;
  }

  /** Uses another token for all further calls. */
  replaceToken(token: string): void {
    this.#endpoint = { ...this.#endpoint, token };
  }

  /** For the calls of other modules, with the current token. */
  get endpoint(): ApiEndpoint {
    return this.#endpoint;
  }

  /** Returns a client with another token, such as a job's agent token, that shares the connections. */
  withToken(token: string): Plan42Client {
    return new Plan42Client({ ...this.#endpoint, token });
  }

  registerQueue(queue: QueuePath, publicKey: string, options: CallOptions = {}): Promise<PartialQueue> {
    return this.#call('PUT', queuePath(queue), PartialQueue, { body: { PublicKey: publicKey }, ...options });
  }

  getQueue(queue: QueuePath, options: CallOptions = {}): Promise<PartialQueue> {
    return this.#call('GET', queuePath(queue), PartialQueue, options);
  }

  updateQueue(
    queue: QueuePath,
    version: number,
    patch: { Draining?: boolean; IsHealthy?: boolean },
    options: CallOptions = {},
  ): Promise<PartialQueue> {
    return this.#call('PATCH', queuePath(queue), PartialQueue, { ifMatch: version, body: patch, ...options });
  }

  async deleteQueue(queue: QueuePath, version: number, options: CallOptions = {}): Promise<void> {
    await this.#call('DELETE', queuePath(queue), nothing, { ifMatch: version, ...options });
  }

  /**
   * Waits up to `waitMs` for messages. They are not validated: see {@link RunnerMessage}. One that cannot be read is an
   * {@link UnreadableMessage}.
   */
  getMessages(queue: QueuePath, waitMs: number, options: CallOptions = {}): Promise<unknown[]> {
    const path = `${queuePath(queue)}/messages?maxWaitSeconds=${Math.round(waitMs / 1000)}`;
    const timeoutMs = waitMs + pollAllowanceMs;
    return pollApi(this.#endpoint, { method: 'GET', path, timeoutMs, ...options });
  }

  async writeResponse(
    queue: QueuePath,
    message: { messageId: string; callerId: string },
    payload: WrappedSecret,
    options: CallOptions = {},
  ): Promise<void> {
    const path = `${queuePath(queue)}/messages/${pathSegment(message.messageId)}/response`;
    const body = { CallerID: message.callerId, Payload: payload };
    await this.#call('PUT', path, nothing, { body, ...options });
  }

  /** Succeeds if the server accepts the token. */
  async getTenant(tenantId: string, options: CallOptions = {}): Promise<void> {
    await this.#call('GET', `/v1/tenants/${pathSegment(tenantId)}`, nothing, options);
  }

  getTask(tenantId: string, taskId: string, options: CallOptions = {}): Promise<PartialTask> {
    return this.#call('GET', `${taskPath(tenantId, taskId)}?includeDeleted=true`, PartialTask, options);
  }

  /** Without `includeDeleted`, the turn of a deleted task is a 404. */
  getTurn(turn: TurnPath, options: CallOptions & { includeDeleted?: boolean } = {}): Promise<PartialTurn> {
    const { includeDeleted = true, ...others } = options;
    return this.#call('GET', `${turnPath(turn)}?includeDeleted=${includeDeleted}`, PartialTurn, others);
  }

  /** Waits up to `waitMs` until any of the turns has ended. Only for servers with the feature `EndedTurns`. */
  async getEndedTurns(
    { tenantId, runnerId }: { tenantId: string; runnerId: string },
    turns: readonly TurnPath[],
    waitMs: number,
    options: CallOptions = {},
  ): Promise<EndedTurn[]> {
    const path = `${runnerPath(tenantId, runnerId)}/ended-turns?maxWaitSeconds=${Math.round(waitMs / 1000)}`;
    const body = { Turns: turns.map(({ taskId: TaskId, turnIndex: TurnIndex }) => ({ TaskId, TurnIndex })) };
    const timeoutMs = waitMs + pollAllowanceMs;
    return (await this.#call('POST', path, EndedTurns, { body, timeoutMs, ...options })).Items;
  }

  /** Reports the networks of jobs. Returns the turns of other runners. Only for servers with the feature `TurnNetworks`. */
  async reportNetworks(
    { tenantId, runnerId }: { tenantId: string; runnerId: string },
    turns: readonly ReportedNetwork[],
    options: CallOptions = {},
  ): Promise<NetworkResponse['Rejected']> {
    const path = `${runnerPath(tenantId, runnerId)}/turn-networks`;
    return (await this.#call('POST', path, NetworkResponse, { body: { Turns: turns }, ...options })).Rejected;
  }

  /** Writes what one call of a model used. The same call again changes nothing. */
  async writeUsage(turn: TurnPath, iteration: number, usage: ReportedUsage, options: CallOptions = {}): Promise<void> {
    const path = `${turnPath(turn)}/iterations/${iteration}/provider-usage`;
    await this.#call('PUT', path, nothing, { body: usage, ...options });
  }

  updateTurn(turn: TurnPath, version: number, patch: TurnPatch, options: CallOptions = {}): Promise<PartialTurn> {
    return this.#call('PATCH', turnPath(turn), PartialTurn, { ifMatch: version, body: patch, ...options });
  }

  #call<const Schema extends v.GenericSchema>(
    method: ApiCall['method'],
    path: string,
    schema: Schema,
    options: Omit<ApiCall, 'method' | 'path'>,
  ): Promise<v.InferOutput<Schema>> {
    return callApi(this.#endpoint, { method, path, ...options }, schema);
  }
}

export interface QueuePath {
  tenantId: string;
  runnerId: string;
  queueId: string;
}

export interface TurnPath {
  tenantId: string;
  taskId: string;
  turnIndex: number;
}

function queuePath({ tenantId, runnerId, queueId }: QueuePath): string {
  return `${runnerPath(tenantId, runnerId)}/queues/${pathSegment(queueId)}`;
}

function runnerPath(tenantId: string, runnerId: string): string {
  return `/v1/tenants/${pathSegment(tenantId)}/runners/${pathSegment(runnerId)}`;
}

function taskPath(tenantId: string, taskId: string): string {
  return `/v1/tenants/${pathSegment(tenantId)}/tasks/${pathSegment(taskId)}`;
}

function turnPath({ tenantId, taskId, turnIndex }: TurnPath): string {
  return `${taskPath(tenantId, taskId)}/turns/${turnIndex}`;
}

import * as v from 'valibot';
import type { WrappedSecret } from './ecies.ts';
import { knownFields } from './fields.ts';
import { type ApiCall, type ApiEndpoint, callApi } from './http.ts';
import { RunnerQueue, Task, Turn } from './objects.ts';

const nothing = v.unknown();
// Each message is checked by itself: a bad one must not cost the others of its batch their answer.
const MessagesBatch = knownFields({ Messages: v.nullish(v.array(v.unknown())) });

export interface CallOptions {
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
}

/** The turn's fields that a runner writes. An empty patch is a heartbeat. */
export interface TurnPatch {
  Status?: string;
  ErrorMessage?: string;
  CompletedAt?: string;
}

// On top of the long poll's own time, for a slow network.
const pollAllowanceMs = 15_000;

/**
 * The calls of the Plan42 API that a runner makes. Every call rejects with an ApiError or a ConnectionError;
 * none retries by itself, since what a failure means depends on the call.
 */
export class Plan42Client {
  #endpoint: ApiEndpoint;

  constructor(endpoint: ApiEndpoint) {
    this.#endpoint = endpoint;
  }

  /** From now on calls are made with this token. */
  replaceToken(token: string): void {
    this.#endpoint = { ...this.#endpoint, token };
  }

  /** The same server and connections with another token, such as a job's agent token. */
  withToken(token: string): Plan42Client {
    return new Plan42Client({ ...this.#endpoint, token });
  }

  registerQueue(queue: QueuePath, publicKey: string, options: CallOptions = {}): Promise<RunnerQueue> {
    return this.#call(
      { method: 'PUT', path: queuePath(queue), body: { PublicKey: publicKey }, ...options },
      RunnerQueue,
    );
  }

  getQueue(queue: QueuePath, options: CallOptions = {}): Promise<RunnerQueue> {
    return this.#call({ method: 'GET', path: queuePath(queue), ...options }, RunnerQueue);
  }

  updateQueue(
    queue: QueuePath,
    version: number,
    patch: { Draining?: boolean; IsHealthy?: boolean },
    options: CallOptions = {},
  ): Promise<RunnerQueue> {
    return this.#call(
      { method: 'PATCH', path: queuePath(queue), ifMatch: version, body: patch, ...options },
      RunnerQueue,
    );
  }

  async deleteQueue(queue: QueuePath, version: number, options: CallOptions = {}): Promise<void> {
    await this.#call({ method: 'DELETE', path: queuePath(queue), ifMatch: version, ...options }, nothing);
  }

  /** Waits up to `waitMs` for messages. They are unchecked: see {@link RunnerMessage}. */
  async getMessages(queue: QueuePath, waitMs: number, options: CallOptions = {}): Promise<unknown[]> {
    const path = `${queuePath(queue)}/messages?maxWaitSeconds=${Math.round(waitMs / 1000)}`;
    const timeoutMs = waitMs + pollAllowanceMs;
    const batch = await this.#call({ method: 'GET', path, timeoutMs, ...options }, MessagesBatch);
    return batch.Messages ?? [];
  }

  async writeResponse(
    queue: QueuePath,
    message: { messageId: string; callerId: string },
    payload: WrappedSecret,
    options: CallOptions = {},
  ): Promise<void> {
    const path = `${queuePath(queue)}/messages/${encodeURIComponent(message.messageId)}/response`;
    await this.#call(
      { method: 'PUT', path, body: { CallerID: message.callerId, Payload: payload }, ...options },
      nothing,
    );
  }

  getTask(tenantId: string, taskId: string, options: CallOptions = {}): Promise<Task> {
    return this.#call({ method: 'GET', path: `${taskPath(tenantId, taskId)}?includeDeleted=true`, ...options }, Task);
  }

  getTurn(turn: TurnPath, options: CallOptions = {}): Promise<Turn> {
    return this.#call({ method: 'GET', path: `${turnPath(turn)}?includeDeleted=true`, ...options }, Turn);
  }

  updateTurn(turn: TurnPath, version: number, patch: TurnPatch, options: CallOptions = {}): Promise<Turn> {
    return this.#call({ method: 'PATCH', path: turnPath(turn), ifMatch: version, body: patch, ...options }, Turn);
  }

  #call<const Schema extends v.GenericSchema>(call: ApiCall, schema: Schema): Promise<v.InferOutput<Schema>> {
    return callApi(this.#endpoint, call, schema);
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
  return `/v1/tenants/${encodeURIComponent(tenantId)}/runners/${encodeURIComponent(runnerId)}/queues/${encodeURIComponent(queueId)}`;
}

function taskPath(tenantId: string, taskId: string): string {
  return `/v1/tenants/${encodeURIComponent(tenantId)}/tasks/${encodeURIComponent(taskId)}`;
}

function turnPath({ tenantId, taskId, turnIndex }: TurnPath): string {
  return `${taskPath(tenantId, taskId)}/turns/${turnIndex}`;
}

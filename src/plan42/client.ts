import * as v from 'valibot';
import type { WrappedSecret } from './ecies.ts';
import { knownFields } from './fields.ts';
import { type ApiCall, type ApiEndpoint, callApi } from './http.ts';
import { PartialQueue, PartialTask, PartialTurn } from './runner-objects.ts';

const nothing = v.unknown();
// Messages are validated one by one, so that an invalid one does not fail its batch.
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

  /** Returns a client with another token, such as a job's agent token, that shares the connections. */
  withToken(token: string): Plan42Client {
    return new Plan42Client({ ...this.#endpoint, token });
  }

  registerQueue(queue: QueuePath, publicKey: string, options: CallOptions = {}): Promise<PartialQueue> {
    return this.#call(
      { method: 'PUT', path: queuePath(queue), body: { PublicKey: publicKey }, ...options },
      PartialQueue,
    );
  }

  getQueue(queue: QueuePath, options: CallOptions = {}): Promise<PartialQueue> {
    return this.#call({ method: 'GET', path: queuePath(queue), ...options }, PartialQueue);
  }

  updateQueue(
    queue: QueuePath,
    version: number,
    patch: { Draining?: boolean; IsHealthy?: boolean },
    options: CallOptions = {},
  ): Promise<PartialQueue> {
    return this.#call(
      { method: 'PATCH', path: queuePath(queue), ifMatch: version, body: patch, ...options },
      PartialQueue,
    );
  }

  async deleteQueue(queue: QueuePath, version: number, options: CallOptions = {}): Promise<void> {
    await this.#call({ method: 'DELETE', path: queuePath(queue), ifMatch: version, ...options }, nothing);
  }

  /** Waits up to `waitMs` for messages. They are not validated: see {@link RunnerMessage}. */
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

  getTask(tenantId: string, taskId: string, options: CallOptions = {}): Promise<PartialTask> {
    return this.#call(
      { method: 'GET', path: `${taskPath(tenantId, taskId)}?includeDeleted=true`, ...options },
      PartialTask,
    );
  }

  getTurn(turn: TurnPath, options: CallOptions = {}): Promise<PartialTurn> {
    return this.#call({ method: 'GET', path: `${turnPath(turn)}?includeDeleted=true`, ...options }, PartialTurn);
  }

  updateTurn(turn: TurnPath, version: number, patch: TurnPatch, options: CallOptions = {}): Promise<PartialTurn> {
    return this.#call(
      { method: 'PATCH', path: turnPath(turn), ifMatch: version, body: patch, ...options },
      PartialTurn,
    );
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

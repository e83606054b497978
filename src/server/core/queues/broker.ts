import { type KeyObject, randomUUID } from 'node:crypto';
import * as v from 'valibot';
import type { Clock } from '../../../lib/clock.ts';
import { TimeoutError, withDeadline } from '../../../lib/deadline.ts';
import { parseJson } from '../../../lib/json.ts';
import { decrypt, encrypt, generateKeyPair, publicKeyPem, type WrappedSecret } from '../../../plan42/ecies.ts';
import type { RunnerQueue } from '../../../plan42/objects.ts';
import { PublicKeys } from '../../../plan42/public-keys.ts';
import { type QueueKey, queueName } from '../../store/runner-queues.ts';
import { notFound, RequestError } from '../errors.ts';
import { limits } from '../limits.ts';
import { isoTime } from '../time.ts';
import { Mailbox } from './mailbox.ts';

export interface RequestOptions {
  timeoutMs: number;
  signal: AbortSignal;
  /** Whether another queue of the runner may deliver the message if this one fails before it does. */
  anyQueue: boolean;
}

/** A request to a runner, until it has a response or failed. */
interface PendingRequest extends PromiseWithResolvers<unknown> {
  id: string;
  createdAt: string;
  plaintext: Buffer;
  isPing: boolean;
  schema: v.GenericSchema;
  anyQueue: boolean;
  mailbox: Mailbox<PendingRequest>;
  deliveredTo: string | undefined;
}

/** The maximum number of messages in one poll. */
export const maxBatch = 10;

/** Returns how many of the messages one poll delivers. */
export function countFitting(messages: readonly { plaintext: Buffer }[]): number {
  let count = 0;
  let size = 0;
  for (const { plaintext } of messages.slice(0, maxBatch)) {
    size += plaintext.length;
    // The first one always fits.
    if (size > limits.poll.max && count > 0) break;
    count += 1;
  }
  return count;
}

/**
 * Passes requests to runners and their responses back. Requests are kept in memory only, because their callers wait
 * for them and end with the process. A message is encrypted on delivery, when the queue, and so its key, is known.
 */
export class Broker {
  readonly #clock: Clock;
  readonly #callerId = randomUUID();
  readonly #privateKey: KeyObject;
  readonly #publicKeyPem: string;
  readonly #queueKeys = new PublicKeys();
  readonly #mailboxes = new Map<string, Mailbox<PendingRequest>>();
  readonly #pending = new Map<string, PendingRequest>();
  readonly #pings = new WeakSet<object>();

  constructor(clock: Clock) {
    this.#clock = clock;
    const { privateKey, publicKey } = generateKeyPair();
    this.#privateKey = privateKey;
    this.#publicKeyPem = publicKeyPem(publicKey);
  }

  /**
   * Sends a request through a queue and returns the response.
   * @throws RequestError without a readable response, or if the request is too large; the signal's reason when it is aborted.
   */
  async request<const Schema extends v.GenericSchema>(
    queue: QueueKey,
    message: { Type: string },
    schema: Schema,
    { timeoutMs, signal, anyQueue }: RequestOptions,
  ): Promise<v.InferOutput<Schema>> {
    const plaintext = Buffer.from(JSON.stringify(message));
    if (plaintext.length > limits.message.max) throw new RequestError('tooLarge');
    const pending: PendingRequest = {
      ...Promise.withResolvers<unknown>(),
      id: randomUUID(),
      plaintext,
      isPing: message.Type === 'PingRequest',
      createdAt: isoTime(this.#clock.date()),
      schema,
      anyQueue,
      mailbox: this.#mailbox(queue),
      deliveredTo: undefined,
    };
    try {
      return await withDeadline(timeoutMs, signal, (bounded) => {
        bounded.addEventListener('abort', () => pending.reject(bounded.reason), { once: true });
        this.#pending.set(pending.id, pending);
        pending.mailbox.put(pending);
        return pending.promise;
      });
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      throw new RequestError(pending.deliveredTo === undefined ? 'undelivered' : 'unanswered');
    } finally {
      this.#pending.delete(pending.id);
      pending.mailbox.withdraw(pending);
    }
  }

  /**
   * Delivers the messages of a queue, each once.
   * @throws the signal's reason; DomainError `notFound` if the queue is deleted.
   */
  async poll(queue: RunnerQueue, waitMs: number, signal: AbortSignal): Promise<object[]> {
    const batch = await this.#mailbox(queue).take(countFitting, waitMs, signal);
    return batch.map((pending) => this.#deliver(pending, queue));
  }

  /** Whether a message that `poll` returned is a ping. What it contains is encrypted. */
  isPing(message: object): boolean {
    return this.#pings.has(message);
  }

  /** Whether a queue was polled since the last call of this function for it. */
  wasPolled(queue: QueueKey): boolean {
    return this.#mailbox(queue).wasPolled();
  }

  /** Passes a response to its caller. @throws DomainError `notFound` if no request of this queue waits for it. */
  respond(queue: QueueKey, messageId: string, callerId: string, payload: WrappedSecret): void {
    const pending = this.#pending.get(messageId);
    const isExpected = pending?.deliveredTo === queueName(queue) && callerId === this.#callerId;
    if (!isExpected) throw notFound('no caller waits for a response to this message');
    this.#pending.delete(messageId);
    try {
      const plaintext = decrypt(payload, this.#privateKey).toString('utf8');
      pending.resolve(v.parse(pending.schema, parseJson(plaintext)));
    } catch {
      // The cause may quote what was encrypted.
      pending.reject(new RequestError('unreadable'));
    }
  }

  /**
   * Moves the undelivered messages of a queue that gets no more work to the queues that `findOther` returns. Without
   * one they fail, unless the queue is draining, because a draining queue is still polled.
   */
  reroute(queue: QueueKey, reason: 'unhealthy' | 'draining' | 'deleted', findOther: () => QueueKey | undefined): void {
    const mailbox = this.#mailbox(queue);
    for (const pending of mailbox.empty()) {
      const other = pending.anyQueue ? findOther() : undefined;
      const mayStay = reason === 'draining' || (reason === 'unhealthy' && !pending.anyQueue);
      if (!other && !mayStay) pending.reject(new RequestError('undelivered'));
      else {
        pending.mailbox = other ? this.#mailbox(other) : mailbox;
        pending.mailbox.put(pending);
      }
    }
    if (reason !== 'deleted') return;
    mailbox.failPolls(notFound('the queue was deleted'));
    this.#mailboxes.delete(queueName(queue));
  }

  /** Counts all outstanding messages once, and returns a function that looks up those of a queue. */
  countOutstanding(): (queue: QueueKey) => { waiting: number; unanswered: number } {
    const unanswered = new Map<string, number>();
    for (const { deliveredTo } of this.#pending.values()) {
      if (deliveredTo !== undefined) unanswered.set(deliveredTo, (unanswered.get(deliveredTo) ?? 0) + 1);
    }
    return (queue) => {
      const name = queueName(queue);
      return { waiting: this.#mailboxes.get(name)?.size ?? 0, unanswered: unanswered.get(name) ?? 0 };
    };
  }

  #deliver(pending: PendingRequest, queue: RunnerQueue): object {
    pending.deliveredTo = queueName(queue);
    const message = {
      TenantID: queue.TenantID,
      RunnerID: queue.RunnerID,
      QueueID: queue.QueueID,
      MessageID: pending.id,
      CallerID: this.#callerId,
      CallerPublicKey: this.#publicKeyPem,
      CreatedAt: pending.createdAt,
      Payload: encrypt(pending.plaintext, this.#queueKeys.parse(queue.PublicKey)),
    };
    if (pending.isPing) this.#pings.add(message);
    return message;
  }

  #mailbox(queue: QueueKey): Mailbox<PendingRequest> {
    const name = queueName(queue);
    const mailbox = this.#mailboxes.get(name) ?? new Mailbox<PendingRequest>();
    this.#mailboxes.set(name, mailbox);
    return mailbox;
  }
}

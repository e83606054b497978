import { type KeyObject, randomUUID } from 'node:crypto';
import type * as v from 'valibot';
import { TimeoutError, withDeadline } from '../../../lib/deadline.ts';
import { encrypt, generateKeyPair, parsePublicKey, publicKeyPem, type WrappedSecret } from '../../../plan42/ecies.ts';
import { notFound } from '../../http/errors.ts';
import { type QueueKey, queueName, type RunnerQueue } from '../../store/runner-queues.ts';
import { type Clock, isoTime } from '../time.ts';
import { Mailbox } from './mailbox.ts';
import { AskError, openAnswer } from './runner-responses.ts';

export interface AskOptions {
  timeoutMs: number;
  signal: AbortSignal;
  /** Whether any queue of the runner will do, should this one fail before the message is handed out. */
  anyQueue: boolean;
}

/** A question to a runner, from when it is asked until it is answered or given up. */
interface Ask extends PromiseWithResolvers<unknown> {
  id: string;
  createdAt: string;
  request: Buffer;
  schema: v.GenericSchema;
  anyQueue: boolean;
  mailbox: Mailbox<Ask>;
  handedOutTo: string | undefined;
}

/** How many messages a poll brings at most. */
export const maxBatch = 10;

/**
 * The messages between callers and runners. They are kept in memory only, since their callers wait for them and
 * end with the process. A message is encrypted as it is handed out: only then is it known to which queue's key.
 */
export class Exchange {
  readonly #clock: Clock;
  readonly #callerId = randomUUID();
  readonly #privateKey: KeyObject;
  readonly #publicKeyPem: string;
  readonly #mailboxes = new Map<string, Mailbox<Ask>>();
  readonly #asks = new Map<string, Ask>();

  constructor(clock: Clock) {
    this.#clock = clock;
    const { privateKey, publicKey } = generateKeyPair();
    this.#privateKey = privateKey;
    this.#publicKeyPem = publicKeyPem(publicKey);
  }

  /**
   * Sends a request through a queue and waits for the answer.
   * @throws AskError when there is none, or none that can be read; the signal's reason when it is aborted.
   */
  async ask<const Schema extends v.GenericSchema>(
    queue: QueueKey,
    request: { Type: string },
    schema: Schema,
    { timeoutMs, signal, anyQueue }: AskOptions,
  ): Promise<v.InferOutput<Schema>> {
    const ask: Ask = {
      ...Promise.withResolvers<unknown>(),
      id: randomUUID(),
      createdAt: isoTime(this.#clock()),
      request: Buffer.from(JSON.stringify(request)),
      schema,
      anyQueue,
      mailbox: this.#mailbox(queue),
      handedOutTo: undefined,
    };
    try {
      return await withDeadline(timeoutMs, signal, (bounded) => {
        bounded.addEventListener('abort', () => ask.reject(bounded.reason), { once: true });
        this.#asks.set(ask.id, ask);
        ask.mailbox.put(ask);
        return ask.promise;
      });
    } catch (error) {
      if (error instanceof TimeoutError) throw new AskError(ask.handedOutTo === undefined ? 'undelivered' : 'silent');
      throw error;
    } finally {
      this.#asks.delete(ask.id);
      ask.mailbox.withdraw(ask);
    }
  }

  /** Hands out the messages of a queue, each once. Rejects with the signal's reason, or with 404 if the queue is deleted. */
  async poll(queue: RunnerQueue, waitMs: number, signal: AbortSignal): Promise<object[]> {
    const asks = await this.#mailbox(queue).take(maxBatch, waitMs, signal);
    return asks.map((ask) => this.#handOut(ask, queue));
  }

  /** Takes the answer to a message. @throws HttpError 404 for a message that this queue has not got, or no longer. */
  answer(queue: QueueKey, messageId: string, callerId: string, payload: WrappedSecret): void {
    const ask = this.#asks.get(messageId);
    const isExpected = ask?.handedOutTo === queueName(queue) && callerId === this.#callerId;
    if (!isExpected) throw notFound('nobody waits for an answer to this message');
    this.#asks.delete(messageId);
    try {
      ask.resolve(openAnswer(payload, this.#privateKey, ask.schema));
    } catch (error) {
      ask.reject(error);
    }
  }

  /**
   * Looks after the messages of a queue that gets no more work and that were not handed out: they go to another
   * queue that `findOther` names. Without one they fail, unless the queue is draining, since it is still polled.
   */
  evacuate(queue: QueueKey, why: 'unhealthy' | 'draining' | 'deleted', findOther: () => QueueKey | undefined): void {
    const mailbox = this.#mailbox(queue);
    for (const ask of mailbox.empty()) {
      const other = ask.anyQueue ? findOther() : undefined;
      const mayStay = why === 'draining' || (why === 'unhealthy' && !ask.anyQueue);
      if (!other && !mayStay) ask.reject(new AskError('undelivered'));
      else {
        ask.mailbox = other ? this.#mailbox(other) : mailbox;
        ask.mailbox.put(ask);
      }
    }
    if (why !== 'deleted') return;
    mailbox.failPolls(notFound('the queue was deleted'));
    this.#mailboxes.delete(queueName(queue));
  }

  /** Counts the messages on their way, and returns what tells those of a queue. */
  countOutstanding(): (queue: QueueKey) => { waiting: number; unanswered: number } {
    const unanswered = new Map<string, number>();
    for (const { handedOutTo } of this.#asks.values()) {
      if (handedOutTo !== undefined) unanswered.set(handedOutTo, (unanswered.get(handedOutTo) ?? 0) + 1);
    }
    return (queue) => {
      const name = queueName(queue);
      return { waiting: this.#mailboxes.get(name)?.size ?? 0, unanswered: unanswered.get(name) ?? 0 };
    };
  }

  #handOut(ask: Ask, queue: RunnerQueue): object {
    ask.handedOutTo = queueName(queue);
    return {
      TenantID: queue.TenantID,
      RunnerID: queue.RunnerID,
      QueueID: queue.QueueID,
      MessageID: ask.id,
      CallerID: this.#callerId,
      CallerPublicKey: this.#publicKeyPem,
      CreatedAt: ask.createdAt,
      Payload: encrypt(ask.request, parsePublicKey(queue.PublicKey)),
    };
  }

  #mailbox(queue: QueueKey): Mailbox<Ask> {
    const name = queueName(queue);
    const mailbox = this.#mailboxes.get(name) ?? new Mailbox<Ask>();
    this.#mailboxes.set(name, mailbox);
    return mailbox;
  }
}

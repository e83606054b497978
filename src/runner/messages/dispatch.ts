/** From a message as it was polled to its answer. */
import type { KeyObject } from 'node:crypto';
import * as v from 'valibot';
import type { Handler } from '../handlers/handler.ts';
import { Backoff } from '../lib/backoff.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { Plan42Client, QueuePath } from '../plan42/client.ts';
import { decrypt, encrypt, parsePublicKey } from '../plan42/ecies.ts';
import { ApiError, isTransient } from '../plan42/errors.ts';
import { knownFields } from '../plan42/fields.ts';
import { Request } from '../plan42/messages.ts';
import { RunnerMessage } from '../plan42/objects.ts';
import type { OutagePace } from './outage-pace.ts';

export interface DispatchOptions {
  client: Plan42Client;
  handlers: ReadonlyMap<string, Handler>;
  logger: Logger;
  /** Ends handlers and the attempts to deliver answers. */
  signal: AbortSignal;
}

/** Where a message came from. */
export interface Origin {
  queue: QueuePath;
  privateKey: KeyObject;
  /** Of the queue. */
  pace: OutagePace;
}

// How long a caller can still be waiting.
const answerTimeMs = 30_000;
const attemptTimeoutMs = 10_000;
const backoffLimits = { minMs: 100, maxMs: 2000 };

/**
 * Answers one message. Never rejects: whatever is wrong with a message is logged with its ID, without its content,
 * and costs no other message its answer.
 */
export async function dispatch(raw: unknown, origin: Origin, options: DispatchOptions): Promise<void> {
  const receivedAt = performance.now();
  const logger = options.logger.with({ queueID: origin.queue.queueId, messageID: messageIdOf(raw) });
  try {
    const message = v.parse(RunnerMessage, raw);
    // Before anything is done for a caller who could not be answered.
    const callerKey = parsePublicKey(message.CallerPublicKey);
    const answer = await answerMessage(message, origin, { ...options, logger });
    if (answer === undefined) return;
    const payload = encrypt(Buffer.from(JSON.stringify(answer)), callerKey);
    const address = { messageId: message.MessageID, callerId: message.CallerID };
    const { signal } = options;
    const write = () =>
      options.client.writeResponse(origin.queue, address, payload, { signal, timeoutMs: attemptTimeoutMs });
    await deliver(() => origin.pace.call(write, signal), receivedAt + answerTimeMs, signal);
  } catch (error) {
    if (error instanceof v.ValiError)
      logger.warn('a message has the wrong shape', { field: v.getDotPath(error.issues[0]) });
    else logger.warn('a message could not be answered', { error });
  }
}

function messageIdOf(raw: unknown): string | undefined {
  const parsed = v.safeParse(knownFields({ MessageID: v.string() }), raw);
  return parsed.success ? parsed.output.MessageID : undefined;
}

async function answerMessage(
  message: RunnerMessage,
  { privateKey }: Origin,
  options: DispatchOptions,
): Promise<object | undefined> {
  const text = decrypt(message.Payload, privateKey).toString('utf8');
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // The parser's own message would quote the payload.
    options.logger.warn('a message is not JSON');
    return undefined;
  }
  const { Type: type } = v.parse(Request, body);
  const handler = options.handlers.get(type);
  if (handler !== undefined) return handler({ type, text, body }, options.signal);
  options.logger.warn('a message of unknown type is not answered', {
    type: type.slice(0, 100),
    callerID: message.CallerID,
  });
  return undefined;
}

/** Tries until `deadline` (of `performance.now()`) while the failure may pass. */
async function deliver(write: () => Promise<void>, deadline: number, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff(backoffLimits);
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      // An attempt before this one got through, and only its confirmation was lost.
      if (backoff.attempts > 0 && error instanceof ApiError && error.status === 404) return;
      const retryAfterMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
      const remainingMs = deadline - performance.now();
      if (signal.aborted || !isTransient(error) || remainingMs <= 0 || retryAfterMs > remainingMs) throw error;
      // The last attempt is at the deadline.
      await sleep(Math.min(remainingMs, backoff.next(retryAfterMs)), signal);
    }
  }
}

/** From a polled message to its response. */

import type { KeyObject } from 'node:crypto';
import * as v from 'valibot';
import { systemClock } from '../../lib/clock.ts';
import { JsonError, parseJson } from '../../lib/json.ts';
import type { LogFields, Logger } from '../../lib/logger.ts';
import { retry } from '../../lib/retry.ts';
import type { Plan42Client, QueuePath } from '../../plan42/client.ts';
import { decrypt, decryptInPool, encrypt, encryptInPool } from '../../plan42/ecies.ts';
import { ApiError, isTransient } from '../../plan42/errors.ts';
import { knownFields } from '../../plan42/fields.ts';
import { Request } from '../../plan42/messages.ts';
import { UnreadableMessage } from '../../plan42/poll-body.ts';
import type { PublicKeys } from '../../plan42/public-keys.ts';
import { RunnerMessage } from '../../plan42/runner-objects.ts';
import type { CallLimiter } from '../queues/call-limiter.ts';
import type { DecryptedMessage, Handler } from './handler.ts';
import type { MessageCounts, MessageResult } from './message-counts.ts';

export interface DispatchOptions {
  client: Plan42Client;
  handlers: ReadonlyMap<string, Handler>;
  callerKeys: PublicKeys;
  /** The headers of one response, which report the free slots. */
  slotHeaders?: () => Record<string, string>;
  /** Whether messages wait for this thread, so that others should help with them. */
  isBusy?: () => boolean;
  counts?: Pick<MessageCounts, 'add'>;
  logger: Logger;
  /** Aborts handlers and the delivery of responses. */
  signal: AbortSignal;
}

/** The queue that a message came from. */
export interface Origin {
  queue: QueuePath;
  privateKey: KeyObject;
  limiter: CallLimiter;
}

// Callers stop waiting after that.
const responseTimeMs = 30_000;
const attemptTimeoutMs = 10_000;
const backoff = { minMs: 100, maxMs: 2000 };

/** Responds to one message. Never rejects: an invalid message is logged with its ID, without its content, and affects only itself. */
export async function dispatch(raw: unknown, origin: Origin, options: DispatchOptions): Promise<void> {
  const arrivedAt = systemClock.now();
  const { type, result } = await respond(raw, origin, options, arrivedAt + responseTimeMs);
  options.counts?.add(type, result, systemClock.now() - arrivedAt);
}

/** The type of a message that has a handler, and what became of it. */
interface Dispatched {
  type?: string | undefined;
  result: MessageResult;
}

async function respond(raw: unknown, origin: Origin, options: DispatchOptions, deadline: number): Promise<Dispatched> {
  const { client, signal, slotHeaders } = options;
  // No logger of its own, because hardly any message is logged.
  const warn: Warn = (event, fields) =>
    options.logger.warn(event, { queue_id: origin.queue.queueId, message_id: messageIdOf(raw), ...fields });
  if (raw instanceof UnreadableMessage) {
    warn('message rejected', { reason: raw.reason, size_bytes: raw.bytes });
    return { result: 'rejected' };
  }
  let type: string | undefined;
  try {
    const message = v.parse(RunnerMessage, raw);
    // Checked first, so that no work is done for a caller who cannot receive the response.
    const callerKey = options.callerKeys.parse(message.CallerPublicKey);
    const isBusy = options.isBusy ?? (() => false);
    const { Payload: sealed } = message;
    const { privateKey } = origin;
    const text = isBusy() ? await decryptInPool(sealed, privateKey) : decrypt(sealed, privateKey);
    const request = readRequest(message, text.toString('utf8'), options.handlers, warn);
    if (request === undefined) return { result: 'rejected' };
    type = request.type;
    const response = await request.handler(request, signal);
    const plaintext = Buffer.from(JSON.stringify(response));
    const payload = isBusy() ? await encryptInPool(plaintext, callerKey) : encrypt(plaintext, callerKey);
    const address = { messageId: message.MessageID, callerId: message.CallerID };
    const write = () =>
      client.writeResponse(origin.queue, address, payload, {
        signal,
        timeoutMs: attemptTimeoutMs,
        headers: slotHeaders?.(),
      });
    await deliver(() => origin.limiter.call(write, signal), deadline, signal);
    return { type, result: 'answered' };
  } catch (error) {
    if (error instanceof v.ValiError) {
      warn('message rejected', { reason: 'invalid message', field: v.getDotPath(error.issues[0]) });
      return { type, result: 'rejected' };
    }
    warn('cannot respond to message', { error });
    return { type, result: 'unanswered' };
  }
}

/** Logs with the IDs of the message. */
type Warn = (event: string, fields: LogFields) => void;

const WithId = knownFields({ MessageID: v.string() });

function messageIdOf(raw: unknown): string | undefined {
  if (raw instanceof UnreadableMessage) return raw.messageId;
  const parsed = v.safeParse(WithId, raw);
  return parsed.success ? parsed.output.MessageID : undefined;
}

/** Undefined, and logged, if no handler understands it. */
function readRequest(
  message: RunnerMessage,
  text: string,
  handlers: DispatchOptions['handlers'],
  warn: Warn,
): (DecryptedMessage & { handler: Handler }) | undefined {
  let body: unknown;
  try {
    body = parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    warn('message rejected', { reason: error.message });
    return undefined;
  }
  const { Type: type } = v.parse(Request, body);
  const handler = handlers.get(type);
  if (handler !== undefined) return { type, text, body, handler };
  warn('message rejected', {
    reason: 'unknown message type',
    message_type: type.slice(0, 100),
    caller_id: message.CallerID,
  });
  return undefined;
}

/** Retries transient failures until `deadline`, a time of `systemClock.now()`. */
async function deliver(write: () => Promise<void>, deadline: number, signal: AbortSignal): Promise<void> {
  const attemptWrite = (attempt: number) =>
    write().catch((error: unknown) => {
      // An earlier attempt succeeded and only its confirmation was lost.
      if (attempt > 1 && error instanceof ApiError && error.status === 404) return;
      throw error;
    });
  await retry(attemptWrite, { backoff, deadline, signal, shouldRetry: isTransient });
}

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { isTerminalStatus } from '../../plan42/objects/turn-status.ts';
import type { Store } from '../store/store.ts';
import type { IndexedTurnLog } from '../store/turn-logs.ts';
import type { TurnKey } from '../store/turns.ts';
import type { Events } from './events.ts';
import type { Timing } from './timing.ts';

interface StreamParts {
  store: Pick<Store, 'turns' | 'turnLogs'>;
  events: Events;
  timing: Timing;
}

const batchSize = 500;
// Without it the Go client comes back at once, again and again, when a stream ends.
const retryMs = 1000;

/** Whether nothing is left to send behind entry `after`, and nothing will come. */
export function isExhausted({ turns, turnLogs }: StreamParts['store'], turn: TurnKey, after: number): boolean {
  return isOver(turns, turn) && turnLogs.after(turn, after, 1).length === 0;
}

/**
 * Sends the log entries behind `after` as server-sent events, the stored ones and then new ones as they come. Ends
 * when the turn is over and all is sent; the client then comes back and is told so. Rejects with the signal's reason.
 */
export async function streamLogs(
  { store, events, timing }: StreamParts,
  { turn, after, signal }: { turn: TurnKey; after: number; signal: AbortSignal },
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  // At once, so that the client knows that it is connected.
  response.flushHeaders();
  const changes = watchTurn(events, turn);
  const keepAlive = setInterval(() => response.write(': still here\n\n'), timing.logStreamKeepAliveMs);
  try {
    for (let sent = after; ; ) {
      const wasOver = isOver(store.turns, turn);
      const changed = changes.next();
      sent = await sendStored(store, { turn, after: sent, signal }, response);
      if (wasOver) break;
      await unlessAborted(changed, signal);
    }
    response.end();
  } finally {
    clearInterval(keepAlive);
    changes.stop();
  }
}

/** Returns the index of the last entry sent. */
async function sendStored(
  { turnLogs }: StreamParts['store'],
  { turn, after, signal }: { turn: TurnKey; after: number; signal: AbortSignal },
  response: ServerResponse,
): Promise<number> {
  let sent = after;
  for (;;) {
    const batch = turnLogs.after(turn, sent, batchSize);
    if (batch.length === 0) return sent;
    sent = batch.at(-1)?.Index ?? sent;
    // A client that does not read must not make the server keep the whole log in memory.
    if (!response.write(batch.map(asEvent).join(''))) await unlessAborted(once(response, 'drain'), signal);
  }
}

function asEvent({ Index, Timestamp, Message }: IndexedTurnLog): string {
  return `event: log\ndata: ${JSON.stringify({ Timestamp, Message })}\nid: ${Index}\nretry: ${retryMs}\n\n`;
}

/** Tells of the changes of one turn: `next` resolves at the first one after it was called. */
function watchTurn(events: Events, turn: TurnKey) {
  let { promise, resolve } = Promise.withResolvers<void>();
  const listener = (changed: TurnKey) => {
    if (changed.TaskId === turn.TaskId && changed.TurnIndex === turn.TurnIndex && changed.TenantId === turn.TenantId)
      resolve();
  };
  events.on('turnChanged', listener);
  return {
    next: () => {
      ({ promise, resolve } = Promise.withResolvers<void>());
      return promise;
    },
    stop: () => events.off('turnChanged', listener),
  };
}

async function unlessAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function isOver(turns: Store['turns'], turn: TurnKey): boolean {
  return isTerminalStatus(turns.find(turn)?.Status);
}

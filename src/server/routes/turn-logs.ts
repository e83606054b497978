import * as v from 'valibot';
import { knownFields } from '../../plan42/fields.ts';
import { conflict, notFound } from '../core/errors.ts';
import { followTurnLogs, isExhausted } from '../core/follow-turn-logs.ts';
import { Time } from '../core/time.ts';
import type { Timing } from '../core/timing.ts';
import { acceptTurn, changeTurn, type TurnDeps } from '../core/turns.ts';
import { read, requireVersion } from '../core/versioned.ts';
import { parseBody } from '../http/body.ts';
import { badRequest, tooLarge } from '../http/errors.ts';
import { requiredIfMatch } from '../http/query.ts';
import type { ApiRequest } from '../http/route.ts';
import { noContent, ok, type Route, route, tenantAndAgent } from '../http/route.ts';
import { sendEventStream } from '../http/send-event-stream.ts';
import type { TurnLog } from '../store/turn-logs.ts';
import type { TurnKey } from '../store/turns.ts';
import { readTurn, requireActive, turnKey, turnPath } from './turns.ts';

const UploadBody = knownFields({
  Index: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  Logs: v.nullish(
    v.array(
      v.pipe(
        knownFields({ Timestamp: Time, Message: v.string() }),
        v.transform(({ Timestamp, Message }): TurnLog => ({ Timestamp, Message })),
      ),
    ),
  ),
});

const maxEntries = 500;
// The UTF-8 size of the messages, whose JSON can be several times as large.
const maxMessageBytes = 1024 * 1024;

const path = `${turnPath}/logs` as const;

export function turnLogRoutes(deps: TurnDeps & { timing: Timing }): Route[] {
  const { store, timing } = deps;
  return [
    route('POST', path, { access: tenantAndAgent, afterTurn: true }, (request) => {
      const version = requiredIfMatch(request);
      const { Index, Logs } = parseBody(request, UploadBody);
      const logs = Logs ?? [];
      requireFit(logs);
      const turn = read(store.turns, turnKey(request.params));
      requireActive(turn);
      requireVersion(store.turns, turn, version);
      if (!expectedIndices(deps, turn).includes(Index))
        throw conflict('Index is not that of the next entry', store.turns.type, turn);
      return store.transaction(() => {
        store.turnLogs.append(turn, Index, logs);
        if (request.principal.kind === 'agent') acceptTurn(deps, turn);
        return ok({ Version: changeTurn(deps, turn, {}).Version });
      });
    }),

    route(
      'GET',
      path,
      { access: tenantAndAgent, waits: true, afterTurn: true },
      ({ params, query, headers, signal }) => {
        const turn = readTurn(deps, params, query);
        const after = lastEventId(headers);
        if (isExhausted(store, turn, after)) return noContent;
        const batches = followTurnLogs(deps, { turn, after, signal });
        const keepAliveMs = timing.logStreamKeepAliveMs;
        return { status: 200, stream: (response) => sendEventStream(response, batches, { keepAliveMs, signal }) };
      },
    ),

    route('GET', `${path}/last`, { access: tenantAndAgent, afterTurn: true }, ({ params, query }) => {
      const last = store.turnLogs.last(readTurn(deps, params, query));
      if (!last) throw notFound('the turn has no logs');
      return ok(last);
    }),
  ];
}

function requireFit(logs: readonly TurnLog[]): void {
  if (logs.length > maxEntries) throw tooLarge(`more than ${maxEntries} log entries`);
  const bytes = logs.reduce((sum, { Message }) => sum + Buffer.byteLength(Message), 0);
  if (bytes > maxMessageBytes) throw tooLarge(`more than ${maxMessageBytes} bytes of log messages`);
}

/** Returns the allowed indices of the next entry. Some clients start at 0, others at 1. */
function expectedIndices({ store }: TurnDeps, turn: TurnKey): number[] {
  const last = store.turnLogs.last(turn);
  return last ? [last.Index + 1] : [0, 1];
}

function lastEventId(headers: ApiRequest['headers']): number {
  const header = headers['last-event-id'];
  if (header === undefined || header === '') return -1;
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header);
  throw badRequest('Last-Event-ID must be the index of an entry');
}

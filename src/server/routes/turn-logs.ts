import * as v from 'valibot';
import { knownFields } from '../../plan42/fields.ts';
import { conflict, notFound, tooLarge } from '../core/errors.ts';
import { followTurnLogs, isExhausted } from '../core/follow-turn-logs.ts';
import { limits } from '../core/limits.ts';
import { Time } from '../core/time.ts';
import type { Timing } from '../core/timing.ts';
import { appendTurnLogs, isNextIndex, uncountedLogs } from '../core/turn-logs.ts';
import { acceptTurn, changeTurn, type TurnDeps } from '../core/turns.ts';
import { read, requireVersion } from '../core/versioned.ts';
import { parseBody } from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import { requiredIfMatch } from '../http/query.ts';
import type { ApiRequest } from '../http/route.ts';
import { noContent, ok, type Route, route, tenantAndAgent } from '../http/route.ts';
import { eventStreamHeaders, sendEventStream } from '../http/send-event-stream.ts';
import type { TurnLog } from '../store/turn-logs.ts';
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

const path = `${turnPath}/logs` as const;

export function turnLogRoutes(deps: TurnDeps & { timing: Timing }): Route[] {
  const { store, timing } = deps;
  return [
    route('POST', path, { access: tenantAndAgent, afterTurn: true }, (request) => {
      const version = requiredIfMatch(request);
      const { Index, Logs } = parseBody(request, UploadBody);
      const logs = Logs ?? [];
      requireUploadFit(logs);
      const turn = read(store.turns, turnKey(request.params));
      requireActive(turn);
      requireVersion(store.turns, turn, version);
      const isAgent = request.principal.kind === 'agent';
      const uncounted = uncountedLogs(deps, turn, isAgent);
      if (!isNextIndex(deps, turn, Index, uncounted))
        throw conflict('Index is not that of the next entry', store.turns.type, turn);
      return store.transaction(() => {
        appendTurnLogs(deps, turn, Index + uncounted, logs);
        if (isAgent) acceptTurn(deps, turn);
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
        return {
          status: 200,
          headers: eventStreamHeaders,
          stream: (response) => sendEventStream(response, batches, { keepAliveMs, signal }),
        };
      },
    ),

    route('GET', `${path}/last`, { access: tenantAndAgent, afterTurn: true }, ({ params, query, principal }) => {
      const turn = readTurn(deps, params, query);
      const last = store.turnLogs.last(turn);
      const index = (last?.Index ?? -1) - uncountedLogs(deps, turn, principal.kind === 'agent');
      if (!last || index < 0) throw notFound('the turn has no logs');
      return ok({ ...last, Index: index });
    }),
  ];
}

function requireUploadFit(logs: readonly TurnLog[]): void {
  const { uploadEntries, uploadBytes } = limits;
  if (logs.length > uploadEntries.max) throw tooLarge(`more than ${uploadEntries.max} log entries; send fewer at once`);
  // The UTF-8 size of the messages, whose JSON can be several times as large.
  const bytes = logs.reduce((sum, { Message }) => sum + Buffer.byteLength(Message), 0);
  if (bytes > uploadBytes.max) throw tooLarge(`more than ${uploadBytes.max} bytes of log messages; send less at once`);
}

function lastEventId(headers: ApiRequest['headers']): number {
  const header = headers['last-event-id'];
  if (header === undefined || header === '') return -1;
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header);
  throw badRequest('Last-Event-ID must be the index of an entry');
}

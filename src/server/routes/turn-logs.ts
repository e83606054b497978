import * as v from 'valibot';
import { knownFields } from '../../plan42/fields.ts';
import { conflict, notFound, tooLarge } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { SharedReads } from '../core/shared-reads.ts';
import { Time } from '../core/time.ts';
import { appendTurnLogs, isNextIndex, uncountedLogs } from '../core/turn-logs.ts';
import { acceptTurn, changeTurn, type TurnDeps } from '../core/turns.ts';
import { read, requireVersion } from '../core/versioned.ts';
import { parseBody } from '../http/body.ts';
import { requiredIfMatch } from '../http/query.ts';
import { ok, type Route, route, tenantAndAgent } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import type { IndexedTurnLog, TurnLog } from '../store/turn-logs.ts';
import { type StreamDeps, streamBatch, streamTurn } from './turn-streams.ts';
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

export function turnLogRoutes(deps: TurnDeps & StreamDeps & { store: Pick<Store, 'groupedWrite'> }): Route[] {
  const { store } = deps;
  const shared = new SharedReads<IndexedTurnLog>();
  return [
    route('POST', path, { access: tenantAndAgent, afterTurn: true }, (request) => {
      const version = requiredIfMatch(request);
      const { Index, Logs } = parseBody(request, UploadBody);
      const logs = Logs ?? [];
      requireUploadFit(logs);
      const key = turnKey(request.params);
      const isAgent = request.principal.kind === 'agent';
      return store.groupedWrite(() => {
        const turn = read(store.turns, key);
        requireActive(turn);
        requireVersion(store.turns, turn, version);
        const uncounted = uncountedLogs(deps, turn, isAgent);
        if (!isNextIndex(deps, turn, Index, uncounted))
          throw conflict('Index is not that of the next entry', store.turns.type, turn);
        appendTurnLogs(deps, turn, Index + uncounted, logs);
        if (isAgent) acceptTurn(deps, turn);
        return ok({ Version: changeTurn(deps, turn, {}).Version });
      });
    }),

    route('GET', path, { access: tenantAndAgent, waits: true, afterTurn: true }, (request) => {
      const turn = readTurn(deps, request.params, request.query);
      return streamTurn(deps, request, {
        what: 'the index of an entry',
        beforeFirst: -1,
        turn,
        event: 'turnChanged',
        read: (after) =>
          shared.read(turn, after, () => store.turnLogs.after(turn, after, streamBatch.entries, streamBatch.chars)),
        positionOf: ({ Index }) => Index,
        eventOf: ({ Index, ...entry }) => ({ event: 'log', data: entry, id: Index }),
      });
    }),

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

import * as v from 'valibot';
import { maxEndedTurnsWaitMs, maxWatchedTurns, WatchedTurnKey } from '../../plan42/ended-turns.ts';
import { knownFields } from '../../plan42/fields.ts';
import { parseInstanceId } from '../../plan42/runner-headers.ts';
import { endedTurns } from '../core/ended-turns.ts';
import type { Events } from '../core/events.ts';
import { parseBody } from '../http/body.ts';
import { queryInteger } from '../http/query.ts';
import { ok, type Route, route, tenantAndRunner } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { runnerPath } from './runners.ts';

const Body = knownFields({
  Turns: v.pipe(v.array(WatchedTurnKey), v.maxLength(maxWatchedTurns, `must have at most ${maxWatchedTurns} entries`)),
});

/** The call with which a runner learns that turns of its jobs have ended. Only our runner makes it. */
export function endedTurnRoutes(deps: { store: Pick<Store, 'turns' | 'tasks'>; events: Events }): Route[] {
  return [
    route('POST', `${runnerPath}/ended-turns`, { access: tenantAndRunner, waits: true }, async (request) => {
      const { Turns } = parseBody(request, Body);
      const { params, query, signal } = request;
      const limits = { min: 0, max: maxEndedTurnsWaitMs / 1000 };
      const waitMs = (queryInteger(query, 'maxWaitSeconds', limits) ?? 0) * 1000;
      const turns = Turns.map(({ TaskId, TurnIndex }) => ({
        TenantId: params.tenantId,
        TaskId: TaskId.toLowerCase(),
        TurnIndex,
      }));
      const items = await endedTurns(deps, turns, { instanceId: parseInstanceId(request.headers), waitMs, signal });
      return ok({ Items: items });
    }),
  ];
}

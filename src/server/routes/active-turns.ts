import { toUtc } from '../core/time.ts';
import { badRequest } from '../http/errors.ts';
import { pageBody, pageRequest, queryInteger } from '../http/query.ts';
import { ok, type Route, route, tenantOnly } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { activeTurnOrder } from '../store/turns.ts';

/** The turns that are not finished, of all tasks. This server has one partition, 0. */
export function activeTurnRoutes({ store }: { store: Pick<Store, 'activeTurns'> }): Route[] {
  return [
    route('GET', '/v1/turns', { access: tenantOnly }, ({ principal, query }) => {
      const partition = queryInteger(query, 'partition', { min: 0, max: Number.MAX_SAFE_INTEGER });
      if (partition === undefined) throw badRequest('partition is required');
      const below = queryTime(query, 'maxUpdatedAt');
      if (below === undefined) throw badRequest('maxUpdatedAt is required');
      const from = queryTime(query, 'minUpdatedAt') ?? '';
      const { maxResults, after } = pageRequest(query, activeTurnOrder);
      if (partition !== 0) return ok({ Items: [] });
      const found = store.activeTurns({
        tenantId: principal.tenantId,
        updated: { from, below },
        after,
        limit: maxResults + 1,
      });
      const items = found.slice(0, maxResults);
      const last = items.at(-1);
      const next = found.length > maxResults && last ? [last.CreatedAt, last.TaskId, last.TurnIndex] : undefined;
      return ok(pageBody({ items, next }));
    }),
  ];
}

/** Returns a time in the form of stored ones, which have milliseconds and sort as text. @throws HttpError 400 */
function queryTime(query: URLSearchParams, name: string): string | undefined {
  const value = query.get(name);
  if (!value) return undefined;
  const utc = value.length > 64 ? undefined : toUtc(value);
  if (utc === undefined) throw badRequest(`${name} must be an RFC 3339 time`);
  const isBetween = /\.\d{3}\d*[1-9]/.test(utc);
  return new Date(Date.parse(utc) + (isBetween ? 1 : 0)).toISOString();
}

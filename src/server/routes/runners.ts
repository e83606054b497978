import * as v from 'valibot';
import type { Clock } from '../../lib/clock.ts';
import { knownFields } from '../../plan42/fields.ts';
import type { Events } from '../core/events.ts';
import { change, create, firstVersion, readUndeleted, requireVersion, softDelete } from '../core/versioned.ts';
import { changesOf, mediumText, optionalFlag, otherFields, parseBody, requiredText, undelete } from '../http/body.ts';
import type { LiveRequests } from '../http/live-requests.ts';
import { includeDeleted, listedDeleted, listReply, queryFlag, requiredIfMatch, requireUuid } from '../http/query.ts';
import { created, noContent, ok, type Route, route, tenantOnly, tenantPath } from '../http/route.ts';
import type { Store } from '../store/store.ts';

const flags = { IsCloud: optionalFlag, RunsTasks: optionalFlag, ProxiesGithub: optionalFlag };
const CreateBody = knownFields({ Name: requiredText, Description: v.nullish(mediumText), ...flags });
const UpdateBody = changesOf({
  Name: v.nullish(requiredText),
  Description: v.nullish(mediumText),
  Deleted: undelete,
  ...flags,
});

export const runnerPath = `${tenantPath}/runners/:runnerId` as const;

interface RunnerDeps {
  store: Pick<Store, 'runners'>;
  clock: Clock;
  events: Events;
  liveRequests: LiveRequests;
}

export function runnerRoutes({ store: { runners }, clock, events, liveRequests }: RunnerDeps): Route[] {
  return [
    route('PUT', runnerPath, { access: tenantOnly }, (request) => {
      requireUuid(request.params.runnerId);
      const body = parseBody(request, CreateBody);
      const runner = {
        ...otherFields(request, runners),
        ...runnerKey(request.params),
        Name: body.Name,
        Description: body.Description ?? undefined,
        IsCloud: body.IsCloud ?? false,
        RunsTasks: body.RunsTasks ?? false,
        ProxiesGithub: body.ProxiesGithub ?? false,
        Deleted: false,
        ...firstVersion(clock),
      };
      return created(create(runners, runner));
    }),

    route('GET', runnerPath, { access: tenantOnly }, ({ params, query }) =>
      ok(readUndeleted(runners, runnerKey(params), includeDeleted(query))),
    ),

    route('GET', `${tenantPath}/runners`, { access: tenantOnly }, ({ params, query }) =>
      listReply(runners, query, {
        TenantId: params.tenantId,
        Deleted: listedDeleted(query),
        RunsTasks: queryFlag(query, 'runsTasks'),
        ProxiesGithub: queryFlag(query, 'proxiesGithub'),
      }),
    ),

    route('PATCH', runnerPath, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const changes = { ...otherFields(request, runners), ...parseBody(request, UpdateBody) };
      const runner = readUndeleted(runners, runnerKey(request.params), changes.Deleted === false);
      requireVersion(runners, runner, version);
      const changed = change(runners, runner, changes, clock);
      events.emit('turnsToSend');
      return ok(changed);
    }),

    route('DELETE', runnerPath, { access: tenantOnly }, (request) => {
      const { RunnerId } = softDelete(runners, runnerKey(request.params), requiredIfMatch(request), clock);
      liveRequests.revoke((principal) => principal.kind === 'runner' && principal.runnerId === RunnerId);
      return noContent;
    }),
  ];
}

export function runnerKey({ tenantId, runnerId }: { tenantId: string; runnerId: string }) {
  return { TenantId: tenantId, RunnerId: runnerId };
}

import * as v from 'valibot';
import type { Clock } from '../../lib/clock.ts';
import { knownFields } from '../../plan42/fields.ts';
import type { Workstream } from '../../plan42/objects.ts';
import type { Events } from '../core/events.ts';
import { change, create, firstVersion, read, readUndeleted, requireVersion, softDelete } from '../core/versioned.ts';
import {
  changesOf,
  mediumText,
  optionalFlag,
  optionalText,
  otherFields,
  parseBody,
  shortText,
  undelete,
} from '../http/body.ts';
import { includeDeleted, listedDeleted, listReply, requiredIfMatch, requireUuidV4 } from '../http/query.ts';
import { created, noContent, ok, type Route, route, tenantAndRunner, tenantOnly, tenantPath } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { addShortName, type ShortNameDeps } from './short-names.ts';

const CreateBody = knownFields({
  Name: v.nullish(shortText),
  Description: v.nullish(mediumText),
  DefaultShortName: optionalText,
});
const UpdateBody = changesOf({
  Name: optionalText,
  Description: v.nullish(mediumText),
  Paused: optionalFlag,
  DefaultShortName: optionalText,
  Deleted: undelete,
});

export const workstreamPath = `${tenantPath}/workstreams/:workstreamId` as const;

interface WorkstreamDeps extends ShortNameDeps {
  store: ShortNameDeps['store'] & Pick<Store, 'transaction'>;
  clock: Clock;
  events: Events;
}

export function workstreamRoutes(deps: WorkstreamDeps): Route[] {
  const { store, clock, events } = deps;
  const { workstreams } = store;
  return [
    route('PUT', workstreamPath, { access: tenantOnly }, (request) => {
      requireUuidV4(request.params.workstreamId);
      const { Name, Description, DefaultShortName } = parseBody(request, CreateBody);
      const workstream: Workstream = {
        ...otherFields(request, workstreams),
        ...workstreamKey(request.params),
        Name: Name ?? '',
        Description: Description ?? '',
        DefaultShortName: DefaultShortName ?? '',
        TaskCounter: 0,
        Paused: true,
        Deleted: false,
        ...firstVersion(clock),
      };
      store.transaction(() => {
        create(workstreams, workstream);
        if (DefaultShortName) addShortName(deps, workstream, DefaultShortName);
      });
      return created(read(workstreams, workstream));
    }),

    route('GET', workstreamPath, { access: tenantAndRunner }, ({ params, query }) =>
      ok(readUndeleted(workstreams, workstreamKey(params), includeDeleted(query))),
    ),

    route('GET', `${tenantPath}/workstreams`, { access: tenantAndRunner }, ({ params, query }) => {
      const name = query.get('shortName') || undefined;
      const found = name === undefined ? undefined : store.shortNames.find({ TenantId: params.tenantId, Name: name });
      if (name !== undefined && !found) return ok({ Items: [] });
      return listReply(workstreams, query, {
        TenantId: params.tenantId,
        WorkstreamId: found?.WorkstreamID,
        Deleted: listedDeleted(query),
      });
    }),

    route('PATCH', workstreamPath, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const changes = { ...otherFields(request, workstreams), ...parseBody(request, UpdateBody) };
      const workstream = readUndeleted(workstreams, workstreamKey(request.params), changes.Deleted === false);
      requireVersion(workstreams, workstream, version);
      const { DefaultShortName: name } = changes;
      const changed = store.transaction(() => {
        if (name) addShortName(deps, workstream, name);
        return change(workstreams, workstream, changes, clock);
      });
      events.emit('workstreamsChanged');
      return ok(changed);
    }),

    route('DELETE', workstreamPath, { access: tenantOnly }, (request) => {
      softDelete(workstreams, workstreamKey(request.params), requiredIfMatch(request), clock);
      return noContent;
    }),
  ];
}

export function workstreamKey({ tenantId, workstreamId }: { tenantId: string; workstreamId: string }) {
  return { TenantId: tenantId, WorkstreamId: workstreamId };
}

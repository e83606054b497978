/** Names of workstreams that are unique in the tenant. A deleted workstream keeps its own until another one needs it. */
import * as v from 'valibot';
import type { Clock } from '../../lib/clock.ts';
import { knownFields } from '../../plan42/fields.ts';
import type { Workstream } from '../../plan42/objects.ts';
import { conflict, notFound } from '../core/errors.ts';
import { change, create, firstVersion, read, readUndeleted, requireVersion } from '../core/versioned.ts';
import { optionalFlag, optionalText, parseBody, requiredText } from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import { includeDeleted, pageBody, pageRequest, requiredIfMatch } from '../http/query.ts';
import { noContent, ok, type Route, route, tenantAndRunner, tenantOnly, tenantPath } from '../http/route.ts';
import type { Store } from '../store/store.ts';

const Version = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Id = v.pipe(v.string(), v.toLowerCase());
const MoveBody = knownFields({
  SourceWorkstreamID: Id,
  DestinationWorkstreamID: Id,
  SourceWorkstreamVersion: Version,
  DestinationWorkstreamVersion: Version,
  SetDefaultOnDestination: optionalFlag,
  ReplacementName: optionalText,
});

export interface ShortNameDeps {
  store: Pick<Store, 'workstreams' | 'shortNames' | 'transaction'>;
  clock: Clock;
}

const path = `${tenantPath}/workstreams/:workstreamId/shortnames/:name` as const;

export function shortNameRoutes(deps: ShortNameDeps): Route[] {
  const { store, clock } = deps;
  const { workstreams, shortNames } = store;
  const readWorkstream = (TenantId: string, WorkstreamId: string, version: number) => {
    const workstream = readUndeleted(workstreams, { TenantId, WorkstreamId });
    requireVersion(workstreams, workstream, version);
    return workstream;
  };
  return [
    route('PUT', path, { access: tenantOnly }, (request) => {
      const { tenantId, workstreamId, name } = request.params;
      parseName(name);
      const workstream = readWorkstream(tenantId, workstreamId, requiredIfMatch(request));
      if (shortNames.find({ TenantId: tenantId, Name: name })?.WorkstreamID === workstreamId)
        throw nameTaken(workstream, name);
      store.transaction(() => {
        addShortName(deps, workstream, name);
        change(workstreams, workstream, {}, clock);
      });
      return noContent;
    }),

    route('DELETE', path, { access: tenantOnly }, (request) => {
      const { tenantId, workstreamId, name } = request.params;
      const workstream = readWorkstream(tenantId, workstreamId, requiredIfMatch(request));
      requireNameOf(store, workstream, name);
      store.transaction(() => {
        shortNames.remove({ TenantId: tenantId, Name: name });
        change(workstreams, workstream, workstream.DefaultShortName === name ? { DefaultShortName: '' } : {}, clock);
      });
      return noContent;
    }),

    route('GET', `${tenantPath}/shortnames`, { access: tenantAndRunner }, ({ params, query }) => {
      const WorkstreamID = query.get('workstreamID')?.toLowerCase() || undefined;
      const filter = { TenantId: params.tenantId, WorkstreamID };
      const { items, next } = shortNames.list(filter, pageRequest(query, shortNames.order));
      const shown = items.flatMap((name) => {
        const { Deleted, Version } = read(workstreams, { ...name, WorkstreamId: name.WorkstreamID });
        return Deleted && !includeDeleted(query) ? [] : [shortNameOf(name, Version)];
      });
      return ok(pageBody({ items: shown, next }));
    }),

    route('POST', `${tenantPath}/shortnames/:name/move`, { access: tenantOnly }, (request) => {
      const body = parseBody(request, MoveBody);
      const { tenantId, name } = request.params;
      if (body.SourceWorkstreamID === body.DestinationWorkstreamID) {
        throw badRequest('DestinationWorkstreamID: the short name is there already');
      }
      const source = readWorkstream(tenantId, body.SourceWorkstreamID, body.SourceWorkstreamVersion);
      const destination = readWorkstream(tenantId, body.DestinationWorkstreamID, body.DestinationWorkstreamVersion);
      requireNameOf(store, source, name);
      const replacement = body.ReplacementName || undefined;
      return ok(
        store.transaction(() => {
          shortNames.update({
            ...read(shortNames, { TenantId: tenantId, Name: name }),
            WorkstreamID: destination.WorkstreamId,
          });
          if (replacement !== undefined) addShortName(deps, source, replacement);
          const isDefault = source.DefaultShortName === name;
          const sourceChanges = isDefault ? { DefaultShortName: replacement ?? '' } : {};
          return {
            SourceWorkstream: change(workstreams, source, sourceChanges, clock),
            DestinationWorkstream: change(
              workstreams,
              destination,
              body.SetDefaultOnDestination ? { DefaultShortName: name } : {},
              clock,
            ),
          };
        }),
      );
    }),
  ];
}

function shortNameOf({ Name, WorkstreamID }: { Name: string; WorkstreamID: string }, WorkstreamVersion: number) {
  return { Name, WorkstreamID, WorkstreamVersion };
}

/** Gives a workstream a short name, if it has not got it. @throws DomainError `conflict` if another workstream has it */
export function addShortName({ store, clock }: ShortNameDeps, workstream: Workstream, name: string): void {
  const { TenantId, WorkstreamId } = workstream;
  const existing = store.shortNames.find({ TenantId, Name: name });
  if (existing?.WorkstreamID === WorkstreamId) return;
  if (existing)
    release({ store, clock }, read(store.workstreams, { TenantId, WorkstreamId: existing.WorkstreamID }), name);
  create(store.shortNames, {
    TenantId,
    Name: name,
    WorkstreamID: WorkstreamId,
    CreatedAt: firstVersion(clock).CreatedAt,
  });
}

/** Takes a short name from a deleted workstream. @throws DomainError `conflict` if the workstream is not deleted */
function release({ store, clock }: ShortNameDeps, owner: Workstream, name: string): void {
  if (!owner.Deleted) throw nameTaken(owner, name);
  store.shortNames.remove({ TenantId: owner.TenantId, Name: name });
  change(store.workstreams, owner, owner.DefaultShortName === name ? { DefaultShortName: '' } : {}, clock);
}

function nameTaken({ WorkstreamId, Name, Version }: Workstream, name: string) {
  const taken = shortNameOf({ Name: name, WorkstreamID: WorkstreamId }, Version);
  return conflict(`the workstream "${Name}" has this short name`, 'WorkstreamShortName', taken);
}

/** @throws DomainError `notFound` */
function requireNameOf({ shortNames }: ShortNameDeps['store'], { TenantId, WorkstreamId }: Workstream, name: string) {
  const found = read(shortNames, { TenantId, Name: name });
  if (found.WorkstreamID !== WorkstreamId) throw notFound('the workstream does not have this short name');
}

function parseName(name: string): void {
  if (!v.is(requiredText, name)) throw badRequest('the short name is too long');
}

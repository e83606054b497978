import * as v from 'valibot';
import { knownFields } from '../../plan42/fields.ts';
import { type Environment, EnvVar } from '../../plan42/objects.ts';
import type { Events } from '../core/events.ts';
import type { Clock } from '../core/time.ts';
import { change, create, firstVersion, readUndeleted, requireVersion, softDelete } from '../core/versioned.ts';
import { optionalId, optionalText, parseBody, pickPresent, undelete } from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import { includeDeleted, newId, pageBody, pageRequest, requiredIfMatch } from '../http/query.ts';
import { created, noContent, ok, type Route, route, tenantAndRunner, tenantOnly, tenantPath } from '../http/route.ts';
import type { Store } from '../store/store.ts';

const maxListLength = 50;
const maxSetupScriptBytes = 512 * 1024;

const list = <const Item extends v.GenericSchema>(item: Item) =>
  v.nullish(v.pipe(v.array(item), v.maxLength(maxListLength, `at most ${maxListLength} entries`)));
const EnvVarBody = v.pipe(
  EnvVar,
  v.transform(({ Name, Value, IsSecret }) => ({ Name, Value, IsSecret: IsSecret ?? false })),
);

const Body = knownFields({
  Name: optionalText,
  Description: optionalText,
  Context: optionalText,
  SetupScript: v.nullish(v.pipe(v.string(), v.maxBytes(maxSetupScriptBytes, 'larger than 512 KB'))),
  DockerImage: optionalText,
  Repos: list(v.string()),
  AllowedHosts: list(v.string()),
  EnvVars: list(EnvVarBody),
  RunnerId: optionalId,
  GithubConnectionId: optionalId,
  Deleted: undelete,
});

const settable = [
  'Name',
  'Description',
  'Context',
  'SetupScript',
  'DockerImage',
  'Repos',
  'AllowedHosts',
  'EnvVars',
  'RunnerId',
  'GithubConnectionId',
] as const;

const initial = {
  Name: '',
  Description: '',
  Context: '',
  SetupScript: '',
  DockerImage: '',
  Repos: [],
  AllowedHosts: [],
  EnvVars: [],
  RunnerId: 'default',
  GithubConnectionId: 'default',
};

const path = `${tenantPath}/environments/:environmentId`;

interface EnvironmentDeps {
  store: Pick<Store, 'environments' | 'runners' | 'githubConnections'>;
  clock: Clock;
  events: Events;
}

export function environmentRoutes({ store, clock, events }: EnvironmentDeps): Route[] {
  const { environments } = store;
  const keyOf = (params: { tenantId: string; environmentId: string }) => ({
    TenantId: params.tenantId,
    EnvironmentId: params.environmentId,
  });
  return [
    route('PUT', path, { access: tenantOnly }, (request) => {
      newId(request.params.environmentId);
      const fields = withDefaults(pickPresent(parseBody(request, Body), settable));
      const key = keyOf(request.params);
      checkReferences(store, key.TenantId, fields);
      return created(create(environments, { ...key, ...initial, ...fields, Deleted: false, ...firstVersion(clock) }));
    }),

    route('GET', path, { access: tenantAndRunner }, ({ params, query }) =>
      ok(readUndeleted(environments, keyOf(params), includeDeleted(query))),
    ),

    route('GET', `${tenantPath}/environments`, { access: tenantAndRunner }, ({ params, query }) => {
      const deleted = includeDeleted(query) ? undefined : false;
      const page = pageRequest(query, environments.order);
      return ok(
        pageBody(
          environments.list(
            [
              ['TenantId', '=', params.tenantId],
              ['Deleted', '=', deleted],
            ],
            page,
          ),
        ),
      );
    }),

    route('PATCH', path, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const changes = withDefaults(pickPresent(parseBody(request, Body), [...settable, 'Deleted']));
      const environment = readUndeleted(environments, keyOf(request.params), changes.Deleted === false);
      checkReferences(store, environment.TenantId, changes);
      requireVersion(environments, environment, version);
      const changed = change(environments, environment, changes, clock);
      events.emit('turnsToSend');
      return ok(changed);
    }),

    route('DELETE', path, { access: tenantOnly }, (request) => {
      softDelete(environments, keyOf(request.params), requiredIfMatch(request), clock);
      return noContent;
    }),
  ];
}

type References = Partial<Pick<Environment, 'RunnerId' | 'GithubConnectionId'>>;

// An empty reference is not documented, and can only mean the default.
function withDefaults<Fields extends References>(fields: Fields): Fields {
  const changed = { ...fields };
  if (changed.RunnerId === '') changed.RunnerId = 'default';
  if (changed.GithubConnectionId === '') changed.GithubConnectionId = 'default';
  return changed;
}

function checkReferences(
  { runners, githubConnections }: EnvironmentDeps['store'],
  tenantId: string,
  references: References,
): void {
  const { RunnerId: runnerId = 'default', GithubConnectionId: connectionId = 'default' } = references;
  if (runnerId !== 'default' && runners.find({ TenantId: tenantId, RunnerId: runnerId })?.Deleted !== false) {
    throw badRequest('RunnerId: no such runner');
  }
  if (connectionId !== 'default' && !githubConnections.find({ TenantID: tenantId, ConnectionID: connectionId })) {
    throw badRequest('GithubConnectionId: no such connection');
  }
}

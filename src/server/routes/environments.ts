import * as v from 'valibot';
import type { Clock } from '../../lib/clock.ts';
import { type Environment, EnvVar } from '../../plan42/objects.ts';
import type { Events } from '../core/events.ts';
import { change, create, firstVersion, readUndeleted, requireVersion, softDelete } from '../core/versioned.ts';
import { changesOf, optionalId, optionalText, parseBody, undelete } from '../http/body.ts';
import { includeDeleted, listedDeleted, listReply, requiredIfMatch, requireUuidV4 } from '../http/query.ts';
import { created, noContent, ok, type Route, route, tenantAndRunner, tenantOnly, tenantPath } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { requireConnection, requireRunner } from './references.ts';

const maxListLength = 50;
const maxSetupScriptBytes = 512 * 1024;

const list = <const Item extends v.GenericSchema>(item: Item) =>
  v.nullish(v.pipe(v.array(item), v.maxLength(maxListLength, `at most ${maxListLength} entries`)));
const EnvVarBody = v.pipe(
  EnvVar,
  v.transform(({ Name, Value, IsSecret }) => ({ Name, Value, IsSecret: IsSecret ?? false })),
);

const Changes = changesOf({
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
      requireUuidV4(request.params.environmentId);
      const fields = withDefaults(parseBody(request, Changes));
      const key = keyOf(request.params);
      checkReferences(store, key.TenantId, fields);
      return created(create(environments, { ...key, ...initial, ...fields, Deleted: false, ...firstVersion(clock) }));
    }),

    route('GET', path, { access: tenantAndRunner }, ({ params, query }) =>
      ok(readUndeleted(environments, keyOf(params), includeDeleted(query))),
    ),

    route('GET', `${tenantPath}/environments`, { access: tenantAndRunner }, ({ params, query }) =>
      listReply(environments, query, { TenantId: params.tenantId, Deleted: listedDeleted(query) }),
    ),

    route('PATCH', path, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const changes = withDefaults(parseBody(request, Changes));
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

function checkReferences(store: EnvironmentDeps['store'], tenantId: string, references: References): void {
  const { RunnerId = 'default', GithubConnectionId = 'default' } = references;
  if (RunnerId !== 'default') requireRunner(store, tenantId, RunnerId, 'RunnerId');
  if (GithubConnectionId !== 'default') requireConnection(store, tenantId, GithubConnectionId, 'GithubConnectionId');
}

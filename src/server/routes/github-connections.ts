import * as v from 'valibot';
import type { Clock } from '../../lib/clock.ts';
import type { GithubConnection } from '../../plan42/objects.ts';
import { conflict } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { change, create, firstVersion, read, requireVersion, withChanges } from '../core/versioned.ts';
import {
  changesOf,
  optionalCount,
  optionalFlag,
  optionalId,
  optionalText,
  otherFields,
  parseBody,
} from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import { listReply, queryFlag, requiredIfMatch, requireUuid } from '../http/query.ts';
import { created, noContent, ok, type Route, route, tenantAndRunner, tenantOnly, tenantPath } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { requireRunner } from './references.ts';

const common = {
  RunnerID: optionalId,
  GithubUserLogin: optionalText,
  GithubUserID: optionalCount,
  Name: optionalText,
};
const CreateBody = changesOf({ Private: v.boolean(), ...common });
// Accepted, but not stored, because the server does not use them.
const notKept = ['OAuthToken', 'RefreshToken', 'State', 'TokenExpiry', 'StateExpiry'];
const UpdateBody = changesOf({ Private: optionalFlag, ...common });

export const connectionPath = `${tenantPath}/github-connections/:connectionId` as const;

interface ConnectionDeps {
  store: Pick<Store, 'environments' | 'githubConnections' | 'runners' | 'tenants' | 'transaction'>;
  clock: Clock;
}

export function githubConnectionRoutes({ store, clock }: ConnectionDeps): Route[] {
  const { githubConnections: connections } = store;
  return [
    route('PUT', connectionPath, { access: tenantOnly }, (request) => {
      requireUuid(request.params.connectionId);
      const connection: GithubConnection = withoutEmpty({
        ...otherFields(request, connections, notKept),
        ...githubConnectionKey(request.params),
        ...firstVersion(clock),
        Private: false,
        ...parseBody(request, CreateBody),
      });
      requireConsistent(store, connection);
      return created(create(connections, connection));
    }),

    route('GET', connectionPath, { access: tenantAndRunner }, ({ params }) =>
      ok(read(connections, githubConnectionKey(params))),
    ),

    route('GET', `${tenantPath}/github-connections`, { access: tenantAndRunner }, ({ params, query }) =>
      listReply(connections, query, { TenantID: params.tenantId, Private: queryFlag(query, 'private') }),
    ),

    route('PATCH', connectionPath, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const changes = { ...otherFields(request, connections, notKept), ...parseBody(request, UpdateBody) };
      const connection = read(connections, githubConnectionKey(request.params));
      const next = withoutEmpty(withChanges(connection, changes));
      requireConsistent(store, next);
      requireVersion(connections, connection, version);
      return ok(change(connections, connection, next, clock));
    }),

    route('DELETE', connectionPath, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const connection = read(connections, githubConnectionKey(request.params));
      requireVersion(connections, connection, version);
      requireUnused(store, connection);
      store.transaction(() => {
        connections.remove(connection);
        const tenant = store.tenants.find({ TenantId: connection.TenantID });
        if (tenant?.DefaultGithubConnectionID === connection.ConnectionID)
          change(store.tenants, tenant, { DefaultGithubConnectionID: undefined }, clock);
      });
      return noContent;
    }),
  ];
}

const maxNamedUsers = 5;

/** @throws DomainError `conflict` that names environments, whose tasks would fail */
function requireUnused({ environments }: ConnectionDeps['store'], { TenantID, ConnectionID }: GithubConnection): void {
  const filter = { TenantId: TenantID, GithubConnectionId: ConnectionID, Deleted: false };
  const page = { maxResults: maxNamedUsers, maxChars: limits.page.max, after: undefined };
  const { items, next } = environments.list(filter, page);
  if (items.length === 0) return;
  const names = items.map(({ Name, EnvironmentId }) => Name || EnvironmentId).join(', ');
  const more = next === undefined ? '' : ' and more';
  throw conflict(`environments use the connection: ${names}${more}; bind them to another one first`);
}

export function githubConnectionKey({ tenantId, connectionId }: { tenantId: string; connectionId: string }) {
  return { TenantID: tenantId, ConnectionID: connectionId };
}

/** Removes empty texts, which mean "no value". */
function withoutEmpty(connection: GithubConnection): GithubConnection {
  const { RunnerID, GithubUserLogin, Name } = connection;
  return {
    ...connection,
    RunnerID: RunnerID || undefined,
    GithubUserLogin: GithubUserLogin || undefined,
    Name: Name || undefined,
  };
}

function requireConsistent(store: ConnectionDeps['store'], connection: GithubConnection): void {
  const { Private, RunnerID, TenantID, GithubUserLogin, GithubUserID } = connection;
  if (Private && RunnerID === undefined) throw badRequest('RunnerID: a private connection needs a runner');
  if (Private && (GithubUserLogin ?? GithubUserID) !== undefined) {
    throw badRequest('GithubUserLogin, GithubUserID: not for a private connection');
  }
  if (RunnerID !== undefined) requireRunner(store, TenantID, RunnerID, 'RunnerID');
}

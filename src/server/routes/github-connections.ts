import * as v from 'valibot';
import { knownFields } from '../../plan42/fields.ts';
import type { GithubConnection } from '../../plan42/objects.ts';
import type { Clock } from '../core/time.ts';
import { change, create, firstVersion, read, requireVersion } from '../core/versioned.ts';
import { optionalCount, optionalFlag, optionalId, optionalText, parseBody, pickPresent } from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import { newUuid, pageBody, pageRequest, queryFlag, requiredIfMatch } from '../http/query.ts';
import { created, noContent, ok, type Route, route, tenantAndRunner, tenantOnly, tenantPath } from '../http/route.ts';
import type { Store } from '../store/store.ts';

const common = {
  RunnerID: optionalId,
  GithubUserLogin: optionalText,
  GithubUserID: optionalCount,
  Name: optionalText,
};
const CreateBody = knownFields({ Private: v.boolean(), ...common });
// The OAuth fields are accepted as unknown fields, and not stored.
const UpdateBody = knownFields({ Private: optionalFlag, ...common });

const settable = ['Private', 'RunnerID', 'GithubUserLogin', 'GithubUserID', 'Name'] as const;

export const connectionPath = `${tenantPath}/github-connections/:connectionId` as const;

interface ConnectionDeps {
  store: Pick<Store, 'githubConnections' | 'runners'>;
  clock: Clock;
}

export function githubConnectionRoutes({ store, clock }: ConnectionDeps): Route[] {
  const { githubConnections: connections } = store;
  return [
    route('PUT', connectionPath, { access: tenantOnly }, (request) => {
      newUuid(request.params.connectionId);
      const body = parseBody(request, CreateBody);
      const connection: GithubConnection = withoutEmpty({
        ...connectionKey(request.params),
        ...firstVersion(clock),
        ...pickPresent(body, settable),
        Private: body.Private,
      });
      requireConsistent(store, connection);
      return created(create(connections, connection));
    }),

    route('GET', connectionPath, { access: tenantAndRunner }, ({ params }) =>
      ok(read(connections, connectionKey(params))),
    ),

    route('GET', `${tenantPath}/github-connections`, { access: tenantAndRunner }, ({ params, query }) => {
      const isPrivate = queryFlag(query, 'private');
      const page = pageRequest(query, connections.order);
      return ok(
        pageBody(
          connections.list(
            [
              ['TenantID', '=', params.tenantId],
              ['Private', '=', isPrivate],
            ],
            page,
          ),
        ),
      );
    }),

    route('PATCH', connectionPath, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const changes = pickPresent(parseBody(request, UpdateBody), settable);
      const connection = read(connections, connectionKey(request.params));
      const next = withoutEmpty({ ...connection, ...changes });
      requireConsistent(store, next);
      requireVersion(connections, connection, version);
      return ok(change(connections, connection, next, clock));
    }),

    route('DELETE', connectionPath, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const connection = read(connections, connectionKey(request.params));
      requireVersion(connections, connection, version);
      connections.remove(connection);
      return noContent;
    }),
  ];
}

export function connectionKey({ tenantId, connectionId }: { tenantId: string; connectionId: string }) {
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

function requireConsistent({ runners }: ConnectionDeps['store'], connection: GithubConnection): void {
  const { Private, RunnerID, TenantID, GithubUserLogin, GithubUserID } = connection;
  if (Private && RunnerID === undefined) throw badRequest('RunnerID: a private connection needs a runner');
  if (Private && (GithubUserLogin ?? GithubUserID) !== undefined) {
    throw badRequest('GithubUserLogin, GithubUserID: not for a private connection');
  }
  if (RunnerID !== undefined && runners.find({ TenantId: TenantID, RunnerId: RunnerID })?.Deleted !== false) {
    throw badRequest('RunnerID: no such runner');
  }
}

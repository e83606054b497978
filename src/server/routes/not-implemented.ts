import { notImplemented } from '../http/errors.ts';
import { allButSignIn, type Method, type Route, route, tenantPath } from '../http/route.ts';

/** Calls of the hosted service that this server does not implement. Clients get a clear error instead of a 404. */
const calls: readonly (readonly [Method, string])[] = [
  ['GET', `${tenantPath}/featureflags`],
  ['GET', `${tenantPath}/tasks/:taskId/github-creds`],
  ['POST', `${tenantPath}/tasks/:taskId/move`],
  ['GET', '/v1/turns'],

  ['PUT', `${tenantPath}/workstreams/:workstreamId`],
  ['GET', `${tenantPath}/workstreams/:workstreamId`],
  ['PATCH', `${tenantPath}/workstreams/:workstreamId`],
  ['DELETE', `${tenantPath}/workstreams/:workstreamId`],
  ['GET', `${tenantPath}/workstreams`],
  ['PUT', `${tenantPath}/workstreams/:workstreamId/tasks/:taskId`],
  ['GET', `${tenantPath}/workstreams/:workstreamId/tasks/:taskId`],
  ['PATCH', `${tenantPath}/workstreams/:workstreamId/tasks/:taskId`],
  ['DELETE', `${tenantPath}/workstreams/:workstreamId/tasks/:taskId`],
  ['GET', `${tenantPath}/workstreams/:workstreamId/tasks`],
  ['PUT', `${tenantPath}/workstreams/:workstreamId/shortnames/:name`],
  ['DELETE', `${tenantPath}/workstreams/:workstreamId/shortnames/:name`],
  ['GET', `${tenantPath}/shortnames`],
  ['POST', `${tenantPath}/shortnames/:name/move`],

  ['PUT', `${tenantPath}/ui-tokens/:tokenId`],
  ['GET', `${tenantPath}/policies`],
  ['GET', `${tenantPath}/featureFlagOverrides`],
  ['PUT', `${tenantPath}/featureFlagOverrides/:name`],
  ['GET', `${tenantPath}/featureFlagOverrides/:name`],
  ['PATCH', `${tenantPath}/featureFlagOverrides/:name`],
  ['DELETE', `${tenantPath}/featureFlagOverrides/:name`],
  ['GET', '/v1/featureflags'],
  ['PUT', '/v1/featureflags/:name'],
  ['GET', '/v1/featureflags/:name'],
  ['PATCH', '/v1/featureflags/:name'],
  ['DELETE', '/v1/featureflags/:name'],
  ['GET', '/v1/github/orgs'],
  ['PUT', '/v1/github/orgs/:orgId'],
  ['GET', '/v1/github/orgs/:orgId'],
  ['PATCH', '/v1/github/orgs/:orgId'],
  ['DELETE', '/v1/github/orgs/:orgId'],
];

export function notImplementedRoutes(): Route[] {
  return calls.map(([method, path]) =>
    route(method, path, { access: allButSignIn }, () => {
      throw notImplemented('this server does not implement this call');
    }),
  );
}

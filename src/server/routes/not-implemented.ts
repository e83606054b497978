import { notImplemented } from '../http/errors.ts';
import { allButSignIn, type Method, type Route, route, tenantPath } from '../http/route.ts';

/** Calls of the hosted service that this server does not implement. Clients get a clear error instead of a 404. */
const calls: readonly (readonly [path: string, ...methods: Method[]])[] = [
  [`${tenantPath}/featureflags`, 'GET'],
  [`${tenantPath}/tasks/:taskId/github-creds`, 'GET'],
  [`${tenantPath}/tasks/:taskId/move`, 'POST'],
  ['/v1/turns', 'GET'],
  [`${tenantPath}/workstreams/:workstreamId`, 'PUT', 'GET', 'PATCH', 'DELETE'],
  [`${tenantPath}/workstreams`, 'GET'],
  [`${tenantPath}/workstreams/:workstreamId/tasks/:taskId`, 'PUT', 'GET', 'PATCH', 'DELETE'],
  [`${tenantPath}/workstreams/:workstreamId/tasks`, 'GET'],
  [`${tenantPath}/workstreams/:workstreamId/shortnames/:name`, 'PUT', 'DELETE'],
  [`${tenantPath}/shortnames`, 'GET'],
  [`${tenantPath}/shortnames/:name/move`, 'POST'],
  [`${tenantPath}/ui-tokens/:tokenId`, 'PUT'],
  [`${tenantPath}/policies`, 'GET'],
  [`${tenantPath}/featureFlagOverrides`, 'GET'],
  [`${tenantPath}/featureFlagOverrides/:name`, 'PUT', 'GET', 'PATCH', 'DELETE'],
  ['/v1/featureflags', 'GET'],
  ['/v1/featureflags/:name', 'PUT', 'GET', 'PATCH', 'DELETE'],
  ['/v1/github/orgs', 'GET'],
  ['/v1/github/orgs/:orgId', 'PUT', 'GET', 'PATCH', 'DELETE'],
];

export function notImplementedRoutes(): Route[] {
  return calls.flatMap(([path, ...methods]) =>
    methods.map((method) =>
      route(method, path, { access: allButSignIn }, () => {
        throw notImplemented('this server does not implement this call');
      }),
    ),
  );
}

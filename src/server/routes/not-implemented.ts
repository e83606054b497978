import { notImplemented } from '../http/errors.ts';
import { allButSignIn, type Route, route } from '../http/route.ts';
import { policiesPath, routeName, sdkCalls } from './sdk-calls.ts';

/** The calls of the SDK that are not among `served`. Clients get a 501 that says why, instead of a 404. */
export function notImplementedRoutes(served: readonly Route[]): Route[] {
  const names = new Set(served.map(routeName));
  return sdkCalls
    .filter((call) => !names.has(routeName(call)))
    .map(({ name, method, path, missing }) =>
      route(method, path, { access: allButSignIn, allTenants: path === policiesPath }, () => {
        throw notImplemented(`${name} is not implemented: ${missing}`);
      }),
    );
}

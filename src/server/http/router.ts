import findMyWay from 'find-my-way';
import { notFound } from '../core/errors.ts';
import type { Route } from './route.ts';

export interface Match {
  route: Route;
  params: Record<string, string>;
}

const maxParamLength = 1024;
const maxShownLength = 300;

/** Returns a function that finds the route of a request. Paths are split before decoding, so names may contain `/`. */
export function createRouter(routes: readonly Route[]): (method: string, rawPath: string) => Match {
  const router = findMyWay({ maxParamLength });
  for (const route of routes) router.on(route.method, route.path, () => {}, route);
  return (method, rawPath) => {
    // `find` returns null for an unknown method.
    const found = router.find(method as Route['method'], rawPath);
    const params = Object.entries(found?.params ?? {}).map(
      ([name, value]) => [name, normalise(name, value ?? '')] as const,
    );
    if (!found || params.some(([, value]) => value === '')) throw notFound(`there is no ${method} ${shorten(rawPath)}`);
    return { route: found.store as Route, params: Object.fromEntries(params) };
  };
}

function shorten(path: string): string {
  return path.length > maxShownLength ? `${path.slice(0, maxShownLength)}…` : path;
}

// IDs are case-insensitive.
function normalise(name: string, value: string): string {
  return name.endsWith('Id') ? value.toLowerCase() : value;
}

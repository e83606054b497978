import findMyWay from 'find-my-way';
import { notFound } from '../core/errors.ts';
import { badRequest, MethodNotAllowed } from './errors.ts';
import type { Method, Route } from './route.ts';

export interface Match {
  route: Route;
  params: Record<string, string>;
}

const maxParamLength = 1024;
const maxShownLength = 300;

const methods: readonly Method[] = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'];

/**
 * Returns a function that finds the route of a request; that of GET for HEAD. Paths are split before decoding, so names may
 * contain `/`. It throws a 404, a 405 with the methods that the path has, or a 400 for a path that cannot be decoded.
 */
export function createRouter(routes: readonly Route[]): (method: string, rawPath: string) => Match {
  const router = findMyWay({ maxParamLength });
  for (const route of routes) router.on(route.method, route.path, () => {}, route);
  // `find` returns null for an unknown method.
  const find = (method: string, rawPath: string) => matchOf(router.find(method as Method, rawPath));
  return (method, rawPath) => {
    const match = find(method === 'HEAD' ? 'GET' : method, rawPath);
    if (match && !(method === 'HEAD' && match.route.noHead)) return match;
    const allowed = methods.flatMap((name) => {
      const other = find(name, rawPath);
      if (!other) return [];
      return name === 'GET' && !other.route.noHead ? ['GET', 'HEAD'] : [name];
    });
    if (!isDecodable(rawPath))
      throw badRequest(`the path has a "%" that begins no UTF-8 character: ${shorten(rawPath)}`);
    if (allowed.length > 0) throw new MethodNotAllowed(method, allowed);
    throw notFound(`there is no ${method} ${shorten(rawPath)}`);
  };
}

function matchOf(found: ReturnType<ReturnType<typeof findMyWay>['find']>): Match | undefined {
  const params = Object.entries(found?.params ?? {}).map(
    ([name, value]) => [name, normalise(name, value ?? '')] as const,
  );
  if (!found || params.some(([, value]) => value === '')) return undefined;
  return { route: found.store as Route, params: Object.fromEntries(params) };
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

function shorten(path: string): string {
  return path.length > maxShownLength ? `${path.slice(0, maxShownLength)}…` : path;
}

// IDs are case-insensitive.
function normalise(name: string, value: string): string {
  return name.endsWith('Id') ? value.toLowerCase() : value;
}

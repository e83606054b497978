/** Renders the tables of calls in docs/control-plane.md from the routes of the server. */
import { type RouteDeps, servedRoutes } from '../../src/server/app.ts';
import { type Route, tenantPath } from '../../src/server/http/route.ts';
import { routeName, sdkCalls } from '../../src/server/routes/sdk-calls.ts';
import { code, table } from './markdown.ts';

const generated = /(<!-- generated: calls -->\n)[\s\S]*?(<!-- end of generated -->)/;

/** Returns the page with current tables. */
export function renderControlPlanePage(page: string): string {
  return page.replace(generated, (_all, begin: string, end: string) => `${begin}\n${renderCalls()}\n${end}`);
}

function renderCalls(): string {
  const routes = servedRoutes(unusedDeps()).filter(({ path }) => path.startsWith('/v1/'));
  const byName = new Map(routes.map((route) => [routeName(route), route]));
  const known = new Set(sdkCalls.map(routeName));
  const calls = sdkCalls.map((call) => {
    const route = byName.get(routeName(call));
    return [call.name, code(shown(call)), route ? tokensFor(route) : `501: ${call.missing}`];
  });
  const own = routes.filter((route) => !known.has(routeName(route)));
  return `${table(['call of the SDK', 'method and path', 'tokens'], calls)}
The server has these calls besides:

${table(
  ['method and path', 'tokens'],
  own.map((route) => [code(shown(route)), tokensFor(route)]),
)}`;
}

function shown({ method, path }: Pick<Route, 'method' | 'path'>): string {
  return `${method} ${path.replace(tenantPath, 'T').replaceAll(/:(\w+)/g, '{$1}')}`;
}

function tokensFor({ access }: Route): string {
  return access.join(', ');
}

/** The routes are described and not called, so nothing of this is used. */
function unusedDeps(): RouteDeps {
  const nothing: object = new Proxy({}, { get: () => nothing });
  return nothing as RouteDeps;
}

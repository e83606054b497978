import type { Environment, GithubConnection, Runner, Tenant } from '../../plan42/objects.ts';
import type { Api } from './api.ts';

/** The environments, and the objects that they refer to. */
export interface Surroundings {
  tenant: Tenant;
  environments: Environment[];
  connections: GithubConnection[];
  runners: Runner[];
}

export async function loadSurroundings(api: Api, signal: AbortSignal): Promise<Surroundings> {
  const [tenant, environments, connections, runners] = await Promise.all([
    api.call<Tenant>('GET', api.tenantPath, { signal }),
    api.list<Environment>(`${api.tenantPath}/environments`, {}, { signal }),
    api.list<GithubConnection>(`${api.tenantPath}/github-connections`, {}, { signal }),
    api.list<Runner>(`${api.tenantPath}/runners`, {}, { signal }),
  ]);
  return { tenant, environments, connections, runners };
}

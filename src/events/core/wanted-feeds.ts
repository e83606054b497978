import type { EventConnection, TenantConnections } from '../../plan42/event-calls.ts';

/** The events of one organisation, as one connection sees them. */
export interface WantedFeed {
  connectionId: string;
  org: string;
  /** The user of the connection; undefined if the server does not know it. */
  login: string | undefined;
}

export interface FoundFeeds {
  feeds: WantedFeed[];
  /** IDs of connections of this runner that environments use, and whose token is not configured. */
  withoutToken: string[];
}

/** Names a feed in the file of checkpoints. Neither part distinguishes capitals. */
export function feedKey({ connectionId, org }: Pick<WantedFeed, 'connectionId' | 'org'>): string {
  return `${connectionId}:${org}`.toLowerCase();
}

/** Returns one feed for each organisation of an environment that uses a connection of this runner. */
export function wantedFeeds(
  { defaultConnectionId, connections, environments }: TenantConnections,
  runnerId: string,
  hasToken: (connectionId: string) => boolean,
): FoundFeeds {
  const own = new Map(
    connections
      .filter(({ Private, RunnerID }) => Private === true && RunnerID?.toLowerCase() === runnerId.toLowerCase())
      .map((connection) => [connection.ConnectionID.toLowerCase(), connection]),
  );
  const feeds = new Map<string, WantedFeed>();
  const withoutToken = new Set<string>();
  for (const { GithubConnectionId: named, Repos, Deleted } of environments) {
    const id =
      named === undefined || named === null || named === '' || named === 'default' ? defaultConnectionId : named;
    const connection = own.get(id?.toLowerCase() ?? '');
    if (connection === undefined || Deleted === true) continue;
    if (!hasToken(connection.ConnectionID)) {
      withoutToken.add(connection.ConnectionID);
      continue;
    }
    for (const org of (Repos ?? []).map(orgOf)) {
      const feed = { connectionId: connection.ConnectionID, org, login: loginOf(connection) };
      if (org !== '') feeds.set(feedKey(feed), feed);
    }
  }
  return { feeds: [...feeds.values()], withoutToken: [...withoutToken] };
}

function orgOf(repo: string): string {
  const slash = repo.indexOf('/');
  return slash === -1 ? '' : repo.slice(0, slash);
}

function loginOf({ GithubUserLogin }: EventConnection): string | undefined {
  return GithubUserLogin || undefined;
}

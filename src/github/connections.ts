import type { Dispatcher } from 'undici';
import type { Connection } from '../config/schema.ts';
import type { Logger } from '../lib/logger.ts';
import { GithubClient } from './client.ts';
import { badRequest, GithubError, RetiredClient } from './errors.ts';

export interface GithubConnectionsOptions {
  /** Keyed by the table name in the configuration. */
  connections: Record<string, Connection>;
  /** The caller closes it. */
  transport: Dispatcher;
  logger: Logger;
  userAgent: string;
}

export interface NamedConnection {
  /** The name of its table in the configuration. */
  name: string;
  connection: Connection;
}

/** The configured connections to GitHub, with one cached client each. */
export class GithubConnections {
  readonly #options: GithubConnectionsOptions;
  #connections: Record<string, Connection>;
  /** Keyed by URL and token, because rate limits and cached responses belong to a token. */
  readonly #clients = new Map<string, GithubClient>();

  constructor(options: GithubConnectionsOptions) {
    this.#options = options;
    this.#connections = options.connections;
  }

  /** Whether any connection with an ID has a token. */
  get hasTokens(): boolean {
    return this.#named(({ connectionId, token }) => Boolean(connectionId && token)).length > 0;
  }

  /** Finds a connection by its ID, ignoring case. */
  find(id: string | null | undefined): Connection | undefined {
    return this.findTable(id)?.connection;
  }

  /** As {@link find}, with the name of its table in the configuration. */
  findTable(id: string | null | undefined): NamedConnection | undefined {
    if (!id) return undefined;
    return this.#named(({ connectionId }) => connectionId?.toLowerCase() === id.toLowerCase())[0];
  }

  /** Finds the only connection to a GitHub; undefined if there are none or several. */
  findOnly(url: URL): NamedConnection | undefined {
    const [found, ...others] = this.#named((connection) => connection.url.href === url.href);
    return others.length === 0 ? found : undefined;
  }

  #named(isWanted: (connection: Connection) => boolean): NamedConnection[] {
    const all = Object.entries(this.#connections).map(([name, connection]) => ({ name, connection }));
    return all.filter(({ connection }) => isWanted(connection));
  }

  /** Returns the client of a connection. @throws GithubError if the connection or its token is missing */
  client(id: string | null | undefined): GithubClient {
    const connection = this.find(id);
    if (!id) throw badRequest('no github connection is named (ConnectionID)');
    if (!connection) throw new GithubError(`github connection ${id} not found`, { status: 404 });
    const { token, url } = connection;
    if (!token) throw badRequest(`missing github token for connection ${id}`);
    const key = clientKey({ url, token });
    const client = this.#clients.get(key) ?? this.#create({ url, token });
    this.#clients.set(key, client);
    return client;
  }

  /**
   * Runs `work` with the client of a connection, and repeats it if the client is replaced while `work` waits.
   * @throws GithubError as `client` and `work` do
   */
  async withClient<T>(id: string | null | undefined, work: (client: GithubClient) => Promise<T>): Promise<T> {
    for (;;) {
      const client = this.client(id);
      try {
        return await work(client);
      } catch (error) {
        if (!(error instanceof RetiredClient)) throw error;
      }
    }
  }

  /** Replaces the connections. Unchanged connections keep their clients; requests already sent continue. */
  replace(connections: Record<string, Connection>): void {
    this.#connections = connections;
    const used = new Set(Object.values(connections).map(clientKey));
    for (const [key, client] of this.#clients) {
      if (used.has(key)) continue;
      this.#clients.delete(key);
      client.retire();
    }
  }

  #create(connection: Pick<Connection, 'url'> & { token: string }): GithubClient {
    const { transport, logger, userAgent } = this.#options;
    return new GithubClient({ connection, transport, logger, userAgent });
  }
}

function clientKey({ url, token }: Pick<Connection, 'url' | 'token'>): string {
  return `${url.href} ${token ?? ''}`;
}

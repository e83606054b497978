import type { Dispatcher } from 'undici';
import type { Connection } from '../config/schema.ts';
import type { Logger } from '../lib/logger.ts';
import type { GithubClient } from './client.ts';
import { GithubError, RetiredClient } from './errors.ts';

export interface GithubConnectionsOptions {
  /** By the name of their table in the configuration. */
  connections: Record<string, Connection>;
  /** Stays the caller's. */
  transport: Dispatcher;
  logger: Logger;
  userAgent: string;
}

/** The configuration's connections to GitHub, with one client each, which is kept. */
export class GithubConnections {
  readonly #options: GithubConnectionsOptions;
  #connections: Record<string, Connection>;
  /** By URL and token, since limits and answers are those of a token. */
  readonly #clients = new Map<string, Promise<GithubClient>>();

  constructor(options: GithubConnectionsOptions) {
    this.#options = options;
    this.#connections = options.connections;
  }

  /** The connection with this ID, in whatever capitals. */
  find(id: string | null | undefined): Connection | undefined {
    if (!id) return undefined;
    return Object.values(this.#connections).find(
      (connection) => connection.connectionId?.toLowerCase() === id.toLowerCase(),
    );
  }

  /** The client of the connection with this ID. @throws GithubError if there is no such connection, or no token */
  client(id: string | null | undefined): Promise<GithubClient> {
    const connection = this.find(id);
    if (!id) throw new GithubError('no github connection is named (ConnectionID)');
    if (!connection) throw new GithubError(`github connection ${id} not found`);
    const { token, url } = connection;
    if (!token) throw new GithubError(`missing github token for connection ${id}`);
    const key = clientKey({ url, token });
    const client = this.#clients.get(key) ?? this.#create({ url, token });
    this.#clients.set(key, client);
    return client;
  }

  /**
   * Does `work` with the client of the connection with this ID, and once more from its beginning if the connection gets
   * another client while it waits for its turn or for a limit.
   * @throws GithubError as `client` and `work` do
   */
  async withClient<T>(id: string | null | undefined, work: (client: GithubClient) => Promise<T>): Promise<T> {
    for (;;) {
      const client = await this.client(id);
      try {
        return await work(client);
      } catch (error) {
        if (!(error instanceof RetiredClient)) throw error;
      }
    }
  }

  /** Uses these from now on. Connections that have not changed keep their clients; what others have asked GitHub goes on. */
  replace(connections: Record<string, Connection>): void {
    this.#connections = connections;
    const used = new Set(Object.values(connections).map(clientKey));
    for (const [key, client] of this.#clients) {
      if (used.has(key)) continue;
      this.#clients.delete(key);
      client.then((old) => old.retire()).catch(() => {});
    }
  }

  async #create(connection: Pick<Connection, 'url'> & { token: string }): Promise<GithubClient> {
    const { transport, logger, userAgent } = this.#options;
    // Loaded late, since most runs of most commands never ask GitHub.
    const { GithubClient } = await import('./client.ts');
    return new GithubClient({ connection, transport, logger, userAgent });
  }
}

function clientKey({ url, token }: Pick<Connection, 'url' | 'token'>): string {
  return `${url.href} ${token ?? ''}`;
}

import { withCaller } from '../github/caller.ts';
import type { GithubConnections } from '../github/connections.ts';
import { loggable } from '../github/errors.ts';
import { Account } from '../github/listings.ts';
import type { Clock } from '../lib/clock.ts';
import { isAbort } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Plan42Client } from '../plan42/client.ts';
import { readTenantConnections } from '../plan42/event-calls.ts';
import { type FoundFeeds, type WantedFeed, wantedFeeds } from './core/wanted-feeds.ts';
import type { OwnFeed } from './feed.ts';
import type { FeedSet } from './feed-set.ts';

export interface FeedDiscoveryDeps {
  github: GithubConnections;
  client: Plan42Client;
  tenantId: string;
  runnerId: string;
  feeds: FeedSet;
  clock: Clock;
  random: () => number;
  logger: Logger;
}

const maxPauseMs = 60_000;
const loginTimeoutMs = 30_000;

/** Keeps the feeds those of the environments that use a connection of this runner. */
export class FeedDiscovery implements AsyncDisposable {
  readonly #deps: FeedDiscoveryDeps;
  readonly #stop = new AbortController();
  readonly #work: Promise<void>;
  /** By connection and token. */
  readonly #logins = new Map<string, string>();
  /** Failures that were reported and have not ended yet. */
  readonly #reported = new Set<string>();
  #wake = new AbortController();

  constructor(deps: FeedDiscoveryDeps) {
    this.#deps = deps;
    this.#work = this.#run(this.#stop.signal).catch((error: unknown) => {
      if (!isAbort(error, this.#stop.signal)) deps.logger.error('search for GitHub feeds stopped', { error });
    });
  }

  /** Looks again now. */
  refresh(): void {
    this.#wake.abort();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps;
    for (;;) {
      this.#wake = new AbortController();
      const pause = AbortSignal.any([signal, this.#wake.signal]);
      await this.#look(signal);
      await clock.sleep(random() * maxPauseMs, pause).catch(() => {});
      signal.throwIfAborted();
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { feeds, logger } = this.#deps;
    const found = await this.#find(signal);
    if (found === undefined) return;
    for (const id of found.withoutToken) {
      if (!this.#isFirst(`token ${id}`)) continue;
      const remedy = 'Set its token in [github.NAME], or point its environments to another connection.';
      logger.error('GitHub connection has no token, not reading its events', { connection_id: id, remedy });
    }
    for (const key of this.#reported) {
      if (key.startsWith('token ') && !found.withoutToken.includes(key.slice('token '.length)))
        this.#reported.delete(key);
    }
    const unknown = new Set<string>();
    const wanted: OwnFeed[] = [];
    for (const feed of found.feeds) {
      const login = unknown.has(feed.connectionId) ? undefined : await this.#loginOf(feed, signal);
      if (login === undefined) unknown.add(feed.connectionId);
      else wanted.push({ ...feed, login });
    }
    await feeds.replace(wanted, unknown);
  }

  /** Returns undefined if the server cannot be asked now. */
  async #find(signal: AbortSignal): Promise<FoundFeeds | undefined> {
    const { client, tenantId, runnerId, github } = this.#deps;
    if (!github.hasTokens) return { feeds: [], withoutToken: [] };
    try {
      const connections = await readTenantConnections(client.endpoint, tenantId, signal);
      this.#reported.delete('server');
      return wantedFeeds(connections, runnerId, (id) => Boolean(github.find(id)?.token));
    } catch (error) {
      signal.throwIfAborted();
      this.#report('server', 'cannot find GitHub feeds, retrying', { error });
      return undefined;
    }
  }

  /** Servers may not know the user of a private connection. The token does. */
  async #loginOf({ connectionId, login }: WantedFeed, signal: AbortSignal): Promise<string | undefined> {
    const { github } = this.#deps;
    if (login !== undefined) return login;
    const { url, token } = github.find(connectionId) ?? {};
    const key = [connectionId, url?.href, token].join(' ');
    const known = this.#logins.get(key);
    if (known !== undefined) return known;
    try {
      const { data } = await withCaller(loginTimeoutMs, signal, (caller) =>
        github.withClient(connectionId, (client) => client.get('/user', {}, Account, caller)),
      );
      this.#logins.set(key, data.login);
      this.#reported.delete(`user ${connectionId}`);
      return data.login;
    } catch (error) {
      signal.throwIfAborted();
      const fields = { connection_id: connectionId, error: loggable(error) };
      this.#report(`user ${connectionId}`, 'cannot find the user of a GitHub connection, retrying', fields);
      return undefined;
    }
  }

  #report(key: string, message: string, fields: Record<string, unknown>): void {
    const { logger } = this.#deps;
    if (this.#isFirst(key)) logger.warn(message, fields);
    else logger.debug(message, fields);
  }

  #isFirst(key: string): boolean {
    if (this.#reported.has(key)) return false;
    this.#reported.add(key);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }
}

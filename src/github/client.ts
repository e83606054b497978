/** The client of one connection, with its token, ETag cache and rate limits. Loaded with the first request. */

import { Octokit } from '@octokit/core';
import { RequestError } from '@octokit/request-error';
import type { Dispatcher } from 'undici';
import * as v from 'valibot';
import type { Connection } from '../config/schema.ts';
import { Backoff } from '../lib/backoff.ts';
import { systemClock } from '../lib/clock.ts';
import { TimeoutError, withDeadline } from '../lib/deadline.ts';
import type { Logger } from '../lib/logger.ts';
import { type Sleep, sleep } from '../lib/sleep.ts';
import { Slots } from '../lib/slots.ts';
import { githubEndpoints } from '../plan42/github-endpoints.ts';
import { type Caller, during } from './caller.ts';
import { badRequest, GithubError, loggable, RetiredClient, withRetryTime } from './errors.ts';
import { EtagCache } from './etag-cache.ts';
import { type Failure, failureOf } from './failure.ts';
import { createGithubFetch } from './fetch.ts';
import { dataOf, GraphqlBody } from './graphql-body.ts';
import { missingOrganizations } from './incomplete.ts';
import { type RateLimit, RateLimiter, type Resource, type ResponseHeaders } from './rate-limit.ts';

export interface GithubClientOptions {
  connection: Pick<Connection, 'url'> & { token: string };
  /** Not the transport for Plan42, whose certificate checks can be disabled. */
  transport: Dispatcher;
  logger: Logger;
  userAgent: string;
  sleep?: Sleep;
}

export interface GithubResponse<T> {
  data: T;
  headers: ResponseHeaders;
}

/** GitHub responded with 304: the data is that of the response with the ETag. */
export interface NotModified {
  data: undefined;
  headers: ResponseHeaders;
}

// GitHub rejects more than 100 concurrent requests per token, over all programs.
const maxConcurrentCalls = 30;
const attemptTimeoutMs = 60_000;
const maxRetries = 4;
// Per request; the wait grows each time.
const maxLimitWaits = 6;
const backoffLimits = { minMs: 400, maxMs: 5000 };

/** Reads from GitHub. Retries transient failures and rate limits while the caller waits. */
export class GithubClient {
  readonly #options: GithubClientOptions;
  readonly #octokit: Octokit;
  readonly #host: string;
  readonly #graphqlUrl: string;
  readonly #sleep: Sleep;
  readonly #limits: RateLimiter;
  readonly #slots = new Slots(maxConcurrentCalls);
  readonly #retired = new AbortController();

  constructor(options: GithubClientOptions) {
    const { connection, transport, userAgent } = options;
    const { rest, graphql } = githubEndpoints(connection.url);
    this.#options = options;
    this.#host = connection.url.host;
    this.#graphqlUrl = graphql;
    this.#sleep = options.sleep ?? sleep;
    this.#limits = new RateLimiter(this.#sleep);
    const fetch = createGithubFetch(transport, new EtagCache());
    this.#octokit = new Octokit({ baseUrl: rest, userAgent, log: silent, request: { fetch, log: silent } });
    this.#octokit.hook.before('request', ({ headers }) => {
      headers.authorization = `Bearer ${connection.token}`;
    });
  }

  /** Returns which results GitHub left out of a response, and what to do; undefined if it is complete. */
  missingIn(headers: ResponseHeaders): string | undefined {
    return missingOrganizations(headers, this.#options.connection.url);
  }

  /** Rejects waiting requests with {@link RetiredClient}. Requests already sent continue. */
  retire(): void {
    this.#retired.abort(new RetiredClient());
  }

  /**
   * GETs `path`, a template such as `/repos/{org}/{repo}`. Other parameters become the query string.
   * @throws GithubError; RetiredClient; the reason of the caller's signal
   */
  async get<const Schema extends v.GenericSchema>(
    path: `/${string}`,
    parameters: Record<string, string | number>,
    schema: Schema,
    caller: Caller,
  ): Promise<GithubResponse<v.InferOutput<Schema>>> {
    requireWellFormed(parameters);
    const resource = path.startsWith('/search/') ? 'search' : 'core';
    const route = `GET ${withQuery(path, Object.keys(parameters))}`;
    return this.#retry(resource, path, caller, async (signal) => {
      const { data, headers } = await this.#octokit.request(route, { ...parameters, request: { signal } });
      if (headers['deprecation'] !== undefined) this.#options.logger.debug('deprecated GitHub endpoint', { path });
      return { data: this.#check(schema, data), headers };
    });
  }

  /**
   * As {@link get}, for a caller that keeps the ETag of the last response itself.
   * @throws GithubError; RetiredClient; the reason of the caller's signal
   */
  async getIfChanged<const Schema extends v.GenericSchema>(
    path: `/${string}`,
    parameters: Record<string, string | number>,
    etag: string | undefined,
    schema: Schema,
    caller: Caller,
  ): Promise<GithubResponse<v.InferOutput<Schema>> | NotModified> {
    requireWellFormed(parameters);
    const route = `GET ${withQuery(path, Object.keys(parameters))}`;
    const headers = { 'if-none-match': etag ?? '' };
    return this.#retry('core', path, caller, async (signal) => {
      try {
        const response = await this.#octokit.request(route, { ...parameters, headers, request: { signal } });
        return { data: this.#check(schema, response.data), headers: response.headers };
      } catch (error) {
        if (!(error instanceof RequestError) || error.status !== 304 || !error.response) throw error;
        return { data: undefined, headers: error.response.headers };
      }
    });
  }

  /**
   * Runs a GraphQL query. A response with errors is a failure, even if it contains data.
   * @throws GithubError; RetiredClient; the reason of the caller's signal
   */
  async query<const Schema extends v.GenericSchema>(
    query: string,
    variables: Record<string, string | number>,
    schema: Schema,
    caller: Caller,
  ): Promise<v.InferOutput<Schema>> {
    return this.#retry('graphql', '/graphql', caller, async (signal) => {
      const call = { method: 'POST', url: this.#graphqlUrl, query, variables, request: { signal } } as const;
      const { data: body, headers } = await this.#octokit.request(call);
      return this.#check(schema, dataOf(this.#check(GraphqlBody, body), headers));
    });
  }

  /** Retries until the request succeeds, fails permanently, or the next attempt would be past the caller's deadline. */
  async #retry<T>(
    resource: Resource,
    path: string,
    caller: Caller,
    send: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { deadline } = caller;
    const waiting = { deadline, signal: AbortSignal.any([caller.signal, this.#retired.signal]) };
    const backoff = new Backoff(backoffLimits);
    for (let limitWaits = 0; ; ) {
      const slot = await this.#admit(resource, caller, waiting);
      const outcome = await this.#attempt(path, caller, send, slot);
      if (outcome.failure === undefined) {
        this.#limits.noteSuccess(resource);
        return outcome.value;
      }
      const { error, limit, isTransient, retryAfterMs } = outcome.failure;
      if (limit) {
        this.#noteLimit(resource, path, limit, error);
        limitWaits += 1;
        if (limitWaits > maxLimitWaits) throw this.#limits.refusal(resource) ?? error;
      } else {
        const waitMs = backoff.next(retryAfterMs);
        const isTooLate = systemClock.now() + waitMs >= deadline;
        if (!isTransient) throw error;
        if (isTooLate || backoff.attempts > maxRetries) throw retryAfterMs ? withRetryTime(error, retryAfterMs) : error;
        await this.#sleep(waitMs, waiting.signal);
      }
    }
  }

  #noteLimit(resource: Resource, path: string, limit: RateLimit, error: GithubError): void {
    const waitMs = this.#limits.note(resource, limit, error);
    if (waitMs === undefined) return;
    const fields = { host: this.#host, path, delay_ms: Math.ceil(waitMs), error: loggable(error) };
    this.#options.logger.warn('GitHub rate limit reached', fields);
  }

  /** Waits for a slot and for rate limits. Checks the limit again afterwards, because it may be reached while waiting for the slot. */
  async #admit(resource: Resource, caller: Caller, waiting: Pick<Caller, 'deadline' | 'signal'>): Promise<Disposable> {
    for (;;) {
      await this.#limits.wait(resource, waiting);
      const slot = await during('queued', caller, () => this.#slots.take(waiting.signal));
      if (!this.#limits.isReached(resource)) return slot;
      slot[Symbol.dispose]();
    }
  }

  async #attempt<T>(
    path: string,
    caller: Caller,
    send: (signal: AbortSignal) => Promise<T>,
    slot: Disposable,
  ): Promise<{ failure?: undefined; value: T } | { failure: Failure }> {
    using _slot = slot;
    const { signal } = caller;
    const { logger, connection } = this.#options;
    const startedAt = systemClock.now();
    const took = () => ({ host: this.#host, path, duration_ms: Math.round(systemClock.now() - startedAt) });
    try {
      const value = await during('sent', caller, () => withDeadline(attemptTimeoutMs, signal, send));
      logger.debug('GitHub responded', took());
      return { value };
    } catch (error) {
      signal.throwIfAborted();
      const isTimeout = error instanceof TimeoutError;
      const failure = isTimeout
        ? { error: new GithubError(`GitHub: ${error.message}`), isTransient: true }
        : failureOf(error, connection);
      logger.debug('GitHub attempt failed', { ...took(), error: loggable(failure.error) });
      return { failure };
    }
  }

  #check<const Schema extends v.GenericSchema>(schema: Schema, data: unknown): v.InferOutput<Schema> {
    const result = v.safeParse(schema, data);
    if (result.success) return result.output;
    // Octokit returns text if the body is not JSON.
    if (typeof data === 'string' || data instanceof ArrayBuffer) {
      throw new GithubError(`the response of ${this.#host} is not JSON; check the URL of the connection`);
    }
    throw new GithubError(`invalid response from GitHub (${v.getDotPath(result.issues[0]) ?? 'top level'})`);
  }
}

/** Adds the query parameters to the template. Octokit's own query building leaves "+" unescaped, which means a space. */
function withQuery(path: string, names: readonly string[]): string {
  const query = names.filter((name) => !path.includes(`{${name}}`));
  return query.length === 0 ? path : `${path}{?${query.join(',')}}`;
}

function requireWellFormed(parameters: Record<string, string | number>): void {
  if (Object.values(parameters).every((value) => String(value).isWellFormed())) return;
  throw badRequest('invalid request: it contains an unpaired surrogate');
}

// Octokit logs deprecation warnings to the console by default, and they contain request data.
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

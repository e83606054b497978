import type { Session } from '../../plan42/page-objects.ts';
import { shownValue } from '../shown-text.ts';

/** The server rejected a call. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly status: number;
  /** The current object, if the call conflicted with another change. */
  readonly current: unknown;

  /** The end of the message, if it says what to do. */
  readonly remedy: string | undefined;

  constructor(status: number, message: string, { current, remedy }: { current?: unknown; remedy?: string } = {}) {
    super(message);
    this.status = status;
    this.current = current;
    this.remedy = remedy;
  }
}

/** No response, or a response of a proxy on the way. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

export interface FetchOptions {
  body?: unknown;
  ifMatch?: number;
  signal?: AbortSignal | undefined;
  /** Returns texts as they are, for fields that are edited. Otherwise they are made safe to show. */
  exact?: boolean;
}

/** Calls the server as the signed-in user. */
export class Api extends EventTarget {
  readonly tenantPath: string;
  readonly #token: string;
  #isReachable = true;

  constructor({ Token, TenantId }: Session) {
    super();
    this.tenantPath = `v1/tenants/${encodeURIComponent(TenantId)}`;
    this.#token = Token;
  }

  /** Whether the last call got a response. Changes emit `change` events. */
  get isReachable(): boolean {
    return this.#isReachable;
  }

  /** @throws CallError, Unreachable, or the signal's reason */
  async call<T>(method: string, path: string, options: FetchOptions = {}): Promise<T> {
    const response = await this.#fetch(method, path, options, {});
    const text = await response.text().catch(() => '');
    return (text === '' ? undefined : parse(text, options.exact)) as T;
  }

  /** Returns all pages of a list. */
  async list<T>(path: string, query: Record<string, string> = {}, options: FetchOptions = {}): Promise<T[]> {
    const items: T[] = [];
    for (let token = ''; ; ) {
      const search = new URLSearchParams({ maxResults: '500', ...query, token });
      const page = await this.call<{ Items: T[]; NextToken?: string }>('GET', `${path}?${search}`, options);
      items.push(...page.Items);
      if (!page.NextToken) return items;
      token = page.NextToken;
    }
  }

  /** Opens a stream of the events after the entry `after`. Returns undefined if the log is complete. */
  async openStream(
    path: string,
    after: number,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | undefined> {
    const headers = { accept: 'text/event-stream', ...(after >= 0 && { 'last-event-id': String(after) }) };
    const response = await this.#fetch('GET', path, { signal }, headers);
    return response.status === 204 ? undefined : (response.body ?? undefined);
  }

  async #fetch(
    method: string,
    path: string,
    { body, ifMatch, signal }: FetchOptions,
    more: Record<string, string>,
  ): Promise<Response> {
    const headers = {
      authorization: `APIToken ${this.#token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(ifMatch !== undefined && { 'if-match': String(ifMatch) }),
      ...more,
    };
    let response: Response;
    try {
      response = await fetch(path, {
        method,
        headers,
        cache: 'no-store',
        credentials: 'omit',
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
      });
    } catch (error) {
      signal?.throwIfAborted();
      this.#setReachable(false);
      throw new Unreachable('the server is not responding', { cause: error });
    }
    // A proxy responds with these if the server behind it is down.
    this.#setReachable(![502, 503, 504].includes(response.status));
    if (!response.ok) throw await this.#readError(response);
    return response;
  }

  async #readError(response: Response): Promise<Error> {
    const { Message, Remedy, Current } = parse(await response.text().catch(() => '')) as {
      Message?: string;
      Remedy?: string;
      Current?: unknown;
    };
    if (response.status === 401) this.dispatchEvent(new Event('signedOut'));
    return new CallError(response.status, Message ?? `the server responded with status ${response.status}`, {
      ...{ current: Current },
      ...(Remedy !== undefined && { remedy: Remedy }),
    });
  }

  #setReachable(isReachable: boolean): void {
    if (this.#isReachable === isReachable) return;
    this.#isReachable = isReachable;
    this.dispatchEvent(new Event('change'));
  }
}

/** @throws CallError if the link is used or expired, or TypeError if the server is not responding */
export async function beginSession(code: string): Promise<Session> {
  const headers = { authorization: `SignInCode ${code}` };
  const response = await fetch('page/session', { method: 'POST', headers, cache: 'no-store', credentials: 'omit' });
  const body = parse(await response.text());
  if (response.ok) return body as Session;
  throw new CallError(response.status, (body as { Message?: string }).Message ?? '');
}

function parse(text: string, exact = false): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return exact ? value : shownValue(value);
  } catch {
    return {};
  }
}

/**
 * One request and its response in one handler of undici. Its own `request` creates a stream, an abort signal and several
 * promises for each call, which costs three times as much processor time.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { TimeoutError } from '../lib/deadline.ts';

/** Reads a body as it arrives. */
export interface BodyReader<T> {
  /** If it throws, the connection is closed, and `end` gets the error. */
  add(chunk: Uint8Array): void;
  /** Returns what was read. `failure` is why the body breaks off: an error of the connection, or the end of the time. */
  end(failure?: { error: unknown }): T;
}

export interface RequestOptions {
  transport: Dispatcher;
  url: URL;
  method: Dispatcher.HttpMethod;
  headers: Record<string, string>;
  body: string | null;
  /** For the whole response. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** Chooses the reader of a response. */
type ChooseReader<T> = (statusCode: number, headers: IncomingHttpHeaders) => BodyReader<T>;

/**
 * Returns what the reader has made of the response.
 * @throws TimeoutError; the signal's reason; what the reader throws; undici's errors
 */
export function sendRequest<T>(options: RequestOptions, chooseReader: ChooseReader<T>): Promise<T> {
  const { transport, url, method, headers, body, signal } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const handler = new ResponseHandler(options, chooseReader, { resolve, reject });
  const path = `${url.pathname}${url.search}`;
  // The handler has the one time limit.
  const timeouts = { headersTimeout: 0, bodyTimeout: 0 };
  transport.dispatch({ origin: url.origin, path, method, headers, body, ...timeouts }, handler);
  return promise;
}

interface Settle<T> {
  resolve: (result: T) => void;
  reject: (error: unknown) => void;
}

class ResponseHandler<T> implements Dispatcher.DispatchHandler, EventListenerObject {
  readonly #chooseReader: ChooseReader<T>;
  readonly #settle: Settle<T>;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #reader: BodyReader<T> | undefined;
  #abortion: { error: unknown } | undefined;

  constructor({ signal, timeoutMs }: RequestOptions, chooseReader: ChooseReader<T>, settle: Settle<T>) {
    this.#chooseReader = chooseReader;
    this.#settle = settle;
    this.#signal = signal;
    this.#timer = setTimeout(() => this.#abort(new TimeoutError(timeoutMs)), timeoutMs);
    signal?.addEventListener('abort', this);
  }

  handleEvent(): void {
    this.#abort(this.#signal?.reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abortion !== undefined) controller.abort(asError(this.#abortion.error));
  }

  onResponseStart(_: unknown, statusCode: number, headers: IncomingHttpHeaders): void {
    if (statusCode >= 200) this.#reader = this.#chooseReader(statusCode, headers);
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    this.#reader?.add(chunk);
  }

  onResponseEnd(): void {
    this.#finish(undefined);
  }

  onResponseError(_: unknown, error: Error): void {
    this.#finish(this.#abortion ?? { error });
  }

  /** Settles at once: a connection that is being opened cannot be interrupted. */
  #abort(error: unknown): void {
    this.#abortion = { error };
    this.#controller?.abort(asError(error));
    this.#finish(this.#abortion);
  }

  /** Called again if an aborted request fails, which changes nothing. */
  #finish(failure: { error: unknown } | undefined): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this);
    try {
      if (this.#reader === undefined) throw failure?.error;
      this.#settle.resolve(this.#reader.end(failure));
    } catch (error) {
      this.#settle.reject(error);
    }
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

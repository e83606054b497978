/** Requests to the API server of a cluster, and responses of unknown length. */

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface RequestOptions {
  query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  body?: unknown;
  /** Default: JSON, and a merge patch for PATCH. */
  contentType?: string;
  signal?: AbortSignal | undefined;
  /** From the beginning of the request to the end of the response. Default: 30 s. */
  timeoutMs?: number;
}

export interface StreamOptions {
  query?: Readonly<Record<string, string>>;
  /** Ends the stream too. */
  signal: AbortSignal;
  /** From the beginning of the request to the head of the response. Default: 30 s. */
  headersTimeoutMs?: number;
}

export interface KubeApi {
  /** The namespace of all jobs of this runner. */
  readonly namespace: string;
  /** The address of the API server, for messages. */
  readonly server: string;
  /**
   * Calls a path below the API server, such as `/apis/batch/v1/namespaces/ns/jobs`, and returns the parsed response.
   * @throws KubeApiError, or an error of the network
   */
  request<T>(method: Method, path: string, options?: RequestOptions): Promise<T>;
  /**
   * Reads a response of unknown length: a watch or a log. It has no timeout after its head: the caller watches for silence.
   * Abort the signal, or leave the loop over the stream, to close the connection.
   * @throws KubeApiError, or an error of the network, here or while the stream is read
   */
  stream(path: string, options: StreamOptions): Promise<AsyncIterable<Uint8Array>>;
}

/** The API server rejected a request. The message is the server's. */
export class KubeApiError extends Error {
  override readonly name = 'KubeApiError';
  /** The HTTP status. */
  readonly status: number;
  /** A word of the API such as `NotFound`, `AlreadyExists`, `Forbidden` or `Expired`; empty if there is none. */
  readonly reason: string;
  /** How long the server asks to wait before the next request. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, fields: { status: number; reason?: string; retryAfterMs?: number | undefined }) {
    super(message);
    this.status = fields.status;
    this.reason = fields.reason ?? '';
    this.retryAfterMs = fields.retryAfterMs;
  }
}

/** Whether the object does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof KubeApiError && error.status === 404;
}

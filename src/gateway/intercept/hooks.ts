/** The interfaces of guards and taps, which see the requests to a host whose TLS the gateway ends, and the responses. */

export interface InterceptedRequest {
  method: string;
  /** The canonical name of the host, which `Host` agrees with. */
  host: string;
  port: number;
  /** As the client sent it, with the query. */
  path: string;
  /** Names and values in turn, as the client sent them: with placeholders, never with credentials. */
  rawHeaders: readonly string[];
  /** The body without its transfer coding; a content coding is left in it. To be read once, by one guard. */
  body: AsyncIterable<Uint8Array>;
}

/** Decides about each request. Requests of one connection are reviewed in turn; those of several, at the same time. */
export interface Guard {
  /** Rejects only by mistake; the request is then refused with status 502. */
  review(request: InterceptedRequest, ask: Ask): Promise<Verdict>;
  /** Whether WebSockets pass, whose content it does not see. They do not by default. */
  passesWebSockets?: boolean;
}

export type Verdict = Pass | Respond;

export interface Pass {
  kind: 'pass';
  /** In place of the request's body. To be given by each guard that has begun to read it. */
  body?: AsyncIterable<Uint8Array>;
  /** The length of `body`. To be given if it is not that of the request; if that of the request was unknown, it stays so. */
  bodyLength?: number;
  /** Names and values in turn, in place of the headers of these names. */
  headers?: readonly string[];
  /** The refusal of `enforce`, for the job's log and the report. */
  observed?: Refused;
  /** Called with the head of the response, if there is one. */
  onResponse?: (head: ResponseHead) => ResponseTap | undefined;
}

export interface Respond {
  kind: 'respond';
  status: number;
  /** Names and values in turn. `Content-Length` is added. */
  headers: readonly string[];
  body: string | Uint8Array;
  /** For the job's log and the report; undefined if nothing was refused. */
  refused?: Refused;
  /** The request's body is read to its end first, and dropped: for clients that send all of it before they read. */
  drains?: boolean;
}

export interface Refused {
  /** Follows "refused HOST:PORT: ". */
  what: string;
  /** An imperative sentence. */
  remedy: string;
}

export interface ResponseHead {
  status: number;
  rawHeaders: readonly string[];
}

/** Sees a response as it passes. What it does must not wait, except at the end. */
export interface ResponseTap {
  /** Whether `write` or `end` change the body, so that its length is not passed on. */
  changes: boolean;
  /** Returns what is passed on in place of the chunk. Ignored without `changes`. */
  write(chunk: Uint8Array): Uint8Array | undefined;
  /** Returns what is passed on in addition. The end of the response waits for it. @param isComplete false if it was cut */
  end(isComplete: boolean): Promise<Uint8Array | undefined>;
}

/** Sends a request of the guard's own to the same host, with the credential of the request under review. */
export type Ask = (question: Question) => Promise<Answer>;

export interface Question {
  method: string;
  path: string;
  /** Names and values in turn, without `Host` and `Authorization`. */
  headers: readonly string[];
  body?: string;
}

/** @throws UnreachableError if there is no answer; it has at most a mebibyte. */
export interface Answer extends ResponseHead {
  body: Uint8Array;
}

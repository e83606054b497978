import type { Principal } from './principal.ts';

/** One authorised request. */
export interface ApiRequest<Param extends string = never> {
  /** From the path, decoded. IDs are in lower case. */
  params: Readonly<Record<Param, string>>;
  query: URLSearchParams;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  principal: Principal;
  /** The parsed body; undefined when it was empty. */
  json: unknown;
  /** Aborted when the client disconnects, or with the error for the client. Only on routes that wait. */
  signal: AbortSignal;
}

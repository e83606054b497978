import type { Principal } from './principal.ts';

/** One call, authorised, with its body read. */
export interface ApiRequest<Param extends string = never> {
  /** From the path, decoded. IDs are in lower case. */
  params: Readonly<Record<Param, string>>;
  query: URLSearchParams;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  principal: Principal;
  /** The parsed body; undefined when it was empty. */
  json: unknown;
  /** Of calls that wait: aborted when the caller is gone, or with the error that is to be the answer. */
  signal: AbortSignal;
}

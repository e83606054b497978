import * as v from 'valibot';
import { ConnectionError } from './errors.ts';
import { knownFields } from './fields.ts';
import { type ApiEndpoint, callApi } from './http.ts';

export interface ListCall {
  path: string;
  query?: Record<string, string>;
  /** The name of the list in the response. */
  arrayName?: string;
  /** The name of the page token in the query. */
  tokenName?: string;
  signal?: AbortSignal | undefined;
}

/** Reads all pages of a list. @throws like {@link callApi}; ConnectionError if a page token repeats */
export async function listAll<const Schema extends v.GenericSchema>(
  endpoint: ApiEndpoint,
  { path, query = {}, arrayName = 'Items', tokenName = 'token', signal }: ListCall,
  schema: Schema,
): Promise<v.InferOutput<Schema>[]> {
  const items: v.InferOutput<Schema>[] = [];
  const page = knownFields({ [arrayName]: v.nullish(v.array(schema)), NextToken: v.nullish(v.string()) });
  const seen = new Set<string>();
  for (let token = ''; ; ) {
    const search = new URLSearchParams({ maxResults: '500', ...query, ...(token ? { [tokenName]: token } : {}) });
    const call = { method: 'GET', path: `${path}?${search.toString()}`, signal } as const;
    const response: Record<string, unknown> = await callApi(endpoint, call, page);
    items.push(...((response[arrayName] ?? []) as v.InferOutput<Schema>[]));
    token = (response['NextToken'] as string | undefined) ?? '';
    if (token === '') return items;
    if (seen.has(token)) throw new ConnectionError(call, 'the list repeats a page token');
    seen.add(token);
  }
}

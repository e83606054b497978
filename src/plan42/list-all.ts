import * as v from 'valibot';
import { ConnectionError } from './errors.ts';
import { knownFields } from './fields.ts';
import { type ApiEndpoint, callApi } from './http.ts';

export interface ListCall {
  path: string;
  query?: Record<string, string>;
  /** What the answer calls its list. */
  arrayName?: string;
  /** What the query calls the token of the next page. */
  tokenName?: string;
  signal?: AbortSignal | undefined;
}

/** Reads a list to its last page. @throws like {@link callApi}; ConnectionError if the pages lead in a circle */
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
    const answer: Record<string, unknown> = await callApi(endpoint, call, page);
    items.push(...((answer[arrayName] ?? []) as v.InferOutput<Schema>[]));
    token = (answer['NextToken'] as string | undefined) ?? '';
    if (token === '') return items;
    if (seen.has(token)) throw new ConnectionError(call, 'the pages of the list lead in a circle');
    seen.add(token);
  }
}

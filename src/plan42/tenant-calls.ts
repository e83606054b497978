import type * as v from 'valibot';
import { type ApiCall, type ApiEndpoint, callApi } from './http.ts';
import { listAll } from './list-all.ts';
import { pathSegment } from './path-segment.ts';

/** Calls below the path of a tenant. Each rejects with an ApiError or a ConnectionError, or the signal's reason. */
export class TenantCalls {
  readonly endpoint: ApiEndpoint;
  readonly path: string;
  readonly signal: AbortSignal | undefined;

  constructor(endpoint: ApiEndpoint, tenantId: string, signal?: AbortSignal) {
    this.endpoint = endpoint;
    this.path = `/v1/tenants/${pathSegment(tenantId)}`;
    this.signal = signal;
  }

  call<const Schema extends v.GenericSchema>(
    method: ApiCall['method'],
    path: string,
    schema: Schema,
    options: Pick<ApiCall, 'body' | 'ifMatch'> = {},
  ): Promise<v.InferOutput<Schema>> {
    const call = { method, path: this.path + path, signal: this.signal, ...options };
    return callApi(this.endpoint, call, schema);
  }

  /** All pages of a list. */
  list<const Schema extends v.GenericSchema>(
    path: string,
    query: Record<string, string>,
    schema: Schema,
    arrayName = 'Items',
    tokenName = 'token',
  ): Promise<v.InferOutput<Schema>[]> {
    const call = { path: this.path + path, query, arrayName, tokenName, signal: this.signal };
    return listAll(this.endpoint, call, schema);
  }
}

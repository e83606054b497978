import * as v from 'valibot';
import type { ResponseHeaders } from './rate-limit.ts';

const text = v.fallback(v.optional(v.string()), undefined);

/** A GraphQL response. Its HTTP status is 200 even if the query failed. */
export const GraphqlBody = v.object({
  data: v.optional(v.unknown()),
  errors: v.nullish(v.array(v.object({ message: text, type: text }))),
});
export type GraphqlBody = v.InferOutput<typeof GraphqlBody>;

/** The query failed, at least in part. */
export class QueryFailure extends Error {
  override readonly name = 'QueryFailure';
  readonly types: string[];
  readonly headers: ResponseHeaders;

  constructor(errors: NonNullable<GraphqlBody['errors']>, headers: ResponseHeaders) {
    super(errors.map(({ message, type }) => message ?? type ?? 'an error without a message').join('; '));
    this.types = errors.flatMap(({ type }) => type ?? []);
    this.headers = headers;
  }
}

/** Returns the data. @throws QueryFailure on any error, because the data is then incomplete */
export function dataOf({ data, errors }: GraphqlBody, headers: ResponseHeaders): unknown {
  if (errors && errors.length > 0) throw new QueryFailure(errors, headers);
  return data;
}

import * as v from 'valibot';
import { parseJson } from '../../lib/json.ts';
import { isUuid, isUuidV4 } from '../../lib/uuid.ts';
import { limits } from '../core/limits.ts';
import type { Page, PageOrder, PageRequest, RowFilter, RowRange, Table } from '../store/table.ts';
import { badRequest } from './errors.ts';
import { type ApiRequest, ok, type Reply } from './route.ts';

/** Returns a boolean query parameter. @throws HttpError 400 */
export function queryFlag(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (value !== 'true' && value !== 'false') throw badRequest(`${name} must be true or false`);
  return value === 'true';
}

/** Returns an integer query parameter. @throws HttpError 400 unless it is from `min` to `max` */
export function queryInteger(
  query: URLSearchParams,
  name: string,
  { min, max }: { min: number; max: number },
): number | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw badRequest(`${name} must be an integer from ${min} to ${max}`);
}

/** Returns whether the call includes deleted objects, which are hidden by default. */
export function includeDeleted(query: URLSearchParams): boolean {
  return queryFlag(query, 'includeDeleted') ?? false;
}

const defaultPageSize = 10;
const maxPageSize = 500;

// A page token holds the values of the last row that define the order.
const values = { string: v.string(), number: v.pipe(v.number(), v.safeInteger()) };

/** Returns the requested page of a list. @throws HttpError 400 */
export function pageRequest(query: URLSearchParams, order: PageOrder, tokenName = 'token'): PageRequest {
  const maxResults = queryInteger(query, 'maxResults', { min: 1, max: maxPageSize }) ?? defaultPageSize;
  const token = query.get(tokenName);
  // Some clients send an empty one for the first page.
  return { maxResults, maxChars: limits.page.max, after: token ? decodeToken(token, order, tokenName) : undefined };
}

function decodeToken(token: string, order: PageOrder, name: string): (string | number)[] {
  try {
    const PageToken = v.strictTuple(Object.values(order).map((type) => values[type]));
    const position = v.parse(PageToken, parseJson(Buffer.from(token, 'base64url').toString('utf8')));
    // Node.js would ignore invalid characters.
    if (encodeToken(position) === token) return position;
  } catch {
    // Falls through to the one error.
  }
  throw badRequest(`${name} is not from this list`);
}

/** Returns the body of a list. The last page has no `NextToken`: clients read pages until it is absent. */
export function pageBody<Row>({ items, next }: Page<Row>, arrayName = 'Items'): object {
  return { [arrayName]: items, ...(next && { NextToken: encodeToken(next) }) };
}

function encodeToken(position: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** Returns the body of a list that older clients read under another name than `Items`: it has both. */
export function pageBodyWithItems<Row>(page: Page<Row>, arrayName: string): object {
  return { [arrayName]: page.items, ...pageBody(page) };
}

export interface ListReplyOptions<Row> {
  /** The name of the list in the body, beside `Items`. */
  arrayName?: string;
  /** The name of the page token in the query. */
  tokenName?: string;
  range?: RowRange<Row> | undefined;
}

/** Responds with the requested page of the rows that pass the filter. @throws HttpError 400 */
export function listReply<Row extends object, Key extends keyof Row & string>(
  table: Table<Row, Key>,
  query: URLSearchParams,
  filter: RowFilter<Row>,
  { arrayName, tokenName, range }: ListReplyOptions<Row> = {},
): Reply {
  const page = table.list(filter, pageRequest(query, table.order, tokenName), range);
  return ok(arrayName === undefined ? pageBody(page) : pageBodyWithItems(page, arrayName));
}

/** Returns the value that `Deleted` has in the listed rows: undefined, which is any, if the call includes deleted objects. */
export function listedDeleted(query: URLSearchParams): false | undefined {
  return includeDeleted(query) ? undefined : false;
}

/** Validates the ID of a new object. @throws HttpError 400 unless it is a UUID of version 4 */
export function requireUuidV4(id: string): void {
  if (!isUuidV4(id)) throw badRequest('the ID in the path must be a UUID of version 4');
}

/** Validates the ID of a new object whose ID may be any UUID. @throws HttpError 400 */
export function requireUuid(id: string): void {
  if (!isUuid(id)) throw badRequest('the ID in the path must be a UUID');
}

/** Returns the version in `If-Match`, or undefined without the header. @throws HttpError 400 */
export function ifMatch({ headers }: Pick<ApiRequest, 'headers'>): number | undefined {
  const header = headers['if-match'];
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !/^\d{1,15}$/.test(header.trim()))
    throw badRequest('If-Match must be a version, an integer');
  return Number(header);
}

/** Returns the version in `If-Match`. @throws HttpError 400, also without the header */
export function requiredIfMatch(request: Pick<ApiRequest, 'headers'>): number {
  const version = ifMatch(request);
  if (version === undefined) throw badRequest('the call needs If-Match with the version of the object');
  return version;
}

import type { IncomingMessage } from 'node:http';
import * as v from 'valibot';
import { formatError } from '../../lib/errors.ts';
import { parseJson, wellFormed } from '../../lib/json.ts';
import { BodyTooLargeError, readBytes } from '../../lib/read-body.ts';
import { describeIssue } from '../../lib/schema-error.ts';
import { knownFields } from '../../plan42/fields.ts';
import { tooLarge } from '../core/errors.ts';
import { formatLimit, type Limit, limits } from '../core/limits.ts';
import { badRequest, HttpError } from './errors.ts';
import type { ApiRequest } from './route.ts';

const maxShownEncoding = 50;

/** Returns the body of a request. @throws HttpError 413, or 415 for a compressed one */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() || 'identity';
  if (encoding !== 'identity') {
    const message = `the server reads no body with Content-Encoding ${encoding.slice(0, maxShownEncoding)}`;
    throw new HttpError(415, 'UnsupportedMediaType', message, 'Send it without one.');
  }
  return await readBytes(request, limits.body.max).catch((error: unknown) => {
    if (error instanceof BodyTooLargeError) throw tooLarge(`${error.message}; send less`);
    throw error;
  });
}

/** Returns the JSON of a body, or undefined if it is empty. @throws HttpError 400 */
export function parseJsonBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badRequest('the body is not JSON in UTF-8');
  }
  try {
    const json = parseJson(text);
    // Only an escape can be half a pair. Programs write one where they have cut a text.
    return /\\ud[89a-f]/i.test(text) ? wellFormed(json) : json;
  } catch (error) {
    throw badRequest(`the body is ${formatError(error)}`);
  }
}

/** Validates the body. A missing body counts as `{}`. @throws HttpError 400 or 413 that names the field */
export function parseBody<const Schema extends v.GenericSchema>(
  { json }: Pick<ApiRequest, 'json'>,
  schema: Schema,
): v.InferOutput<Schema> {
  if (Array.isArray(json)) throw badRequest('the body must be an object');
  const result = v.safeParse(schema, json ?? {});
  if (result.success) return result.output;
  const [issue] = result.issues;
  const message = describeIssue(issue);
  throw issue.type === 'max_bytes' ? tooLarge(message) : badRequest(message);
}

/** Returns the schema of an update: the fields that are present. Absent and null both mean "unchanged". */
export function changesOf<const Entries extends v.ObjectEntries>(entries: Entries) {
  type Present = { [Name in keyof Entries]?: NonNullable<v.InferOutput<Entries[Name]>> };
  const names = Object.keys(entries);
  return v.pipe(
    knownFields(entries) as v.GenericSchema<unknown, Record<string, unknown>>,
    v.transform((body) => {
      const present = names.filter((name) => body[name] !== undefined && body[name] !== null);
      return Object.fromEntries(present.map((name) => [name, body[name]])) as Present;
    }),
  );
}

/** An empty reasoning level in an update clears it. */
export function clearedLevel({ ReasoningLevel }: { ReasoningLevel?: string }): { ReasoningLevel?: undefined } {
  return ReasoningLevel === '' ? { ReasoningLevel: undefined } : {};
}

/**
 * Returns the fields of a validated body that neither the table nor `inputs` has, which newer clients send. They are stored and
 * returned unchanged. Null counts as absent.
 */
export function otherFields(
  { json }: Pick<ApiRequest, 'json'>,
  table: { fields: readonly string[] },
  inputs: readonly string[] = [],
): object {
  const known = new Set([...table.fields, ...inputs].map((name) => name.toLowerCase()));
  return withoutNulls(Object.entries(json ?? {}).filter(([name]) => !known.has(name.toLowerCase())));
}

/** Returns the unknown fields of a nested object, which are stored like those of {@link otherFields}. */
export function nestedOthers(others: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return withoutNulls(Object.entries(others));
}

/** Of names that differ in capitals only the last stays, because clients in Go read them as one. */
function withoutNulls(fields: readonly (readonly [name: string, value: unknown])[]): Record<string, unknown> {
  const present = fields.filter(([, value]) => value !== null && value !== undefined);
  const last = new Map(present.map(([name]) => [name.toLowerCase(), name]));
  return Object.fromEntries(present.filter(([name]) => last.get(name.toLowerCase()) === name));
}

const textUpTo = (limit: Limit) =>
  v.pipe(v.string(), v.maxBytes(limit.max, `is larger than ${formatLimit(limit)}; shorten it`));
export const shortText = textUpTo(limits.shortText);
export const mediumText = textUpTo(limits.mediumText);
export const longText = textUpTo(limits.longText);

// Optional fields may be absent or null.
export const optionalText = v.nullish(shortText);
export const optionalFlag = v.nullish(v.boolean());
export const optionalCount = v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0)));
export const requiredText = v.pipe(shortText, v.nonEmpty('must not be empty'));
export const requiredLongText = v.pipe(longText, v.nonEmpty('must not be empty'));
/** The ID of another object. */
export const optionalId = v.nullish(v.pipe(v.string(), v.toLowerCase()));
/** The IDs of several other objects. */
export const optionalIds = v.nullish(
  v.pipe(
    v.array(v.pipe(shortText, v.toLowerCase())),
    v.maxLength(limits.files.max, `must have at most ${limits.files.max} entries`),
  ),
);
/** `Deleted` in an update: only `false`, which undeletes. */
export const undelete = v.nullish(v.literal(false, 'can only be false; use DELETE'));

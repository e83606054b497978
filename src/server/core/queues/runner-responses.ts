/** The answers of runners, as their callers read them. */
import type { KeyObject } from 'node:crypto';
import * as v from 'valibot';
import { decrypt, type WrappedSecret } from '../../../plan42/ecies.ts';
import { knownFields } from '../../../plan42/fields.ts';
import { HttpError } from '../../http/errors.ts';

const optionalText = v.nullish(v.string());

export const PingResponse = knownFields({ Type: v.literal('PingResponse') });

export const InvokeAgentResponse = knownFields({ Type: v.literal('InvokeAgentResponse'), ErrorMessage: optionalText });

function listResponse<const Type extends string>(type: Type) {
  return knownFields({
    Type: v.literal(type),
    Items: v.nullish(v.array(v.string())),
    NextToken: optionalText,
    ErrorMessage: optionalText,
  });
}

export const ListOrgsResponse = listResponse('ListOrgsForGithubConnectionResponse');
export const SearchRepoResponse = listResponse('SearchRepoResponse');
export const ListRepoBranchesResponse = listResponse('ListRepoBranchesResponse');

const failures = {
  undelivered: { status: 504, errorType: 'GatewayTimeout', message: 'no healthy queue of the runner took the message' },
  silent: { status: 504, errorType: 'GatewayTimeout', message: 'the runner did not answer in time' },
  unreadable: { status: 502, errorType: 'BadGateway', message: "the runner's answer cannot be read" },
} as const;

/**
 * A question to a runner that got no usable answer. Only what is `undelivered` certainly never reached it. It is
 * an HttpError, so that calls that pass a question on can let it through.
 */
export class AskError extends HttpError {
  readonly reason: keyof typeof failures;

  constructor(reason: keyof typeof failures) {
    const { status, errorType, message } = failures[reason];
    super(status, errorType, message);
    this.reason = reason;
  }
}

/** Decrypts and checks an answer. @throws AskError `unreadable`, with no word about its content. */
export function openAnswer(payload: WrappedSecret, privateKey: KeyObject, schema: v.GenericSchema): unknown {
  try {
    return v.parse(schema, JSON.parse(decrypt(payload, privateKey).toString('utf8')));
  } catch {
    throw new AskError('unreadable');
  }
}

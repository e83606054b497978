import { formatLimit, limits } from './limits.ts';

/** Why the core rejects an operation. `http/errors.ts` maps each kind to a status and an error type. */
export type RejectionKind = 'invalid' | 'notFound' | 'conflict' | 'turnFinished' | 'tooLarge';

/** The object that is in the way, as it is now, and the API's name of its type. */
export interface CurrentObject {
  type: string;
  object: object;
}

export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly kind: RejectionKind;
  /** Set for a conflict with an existing object. */
  readonly current: CurrentObject | undefined;

  constructor(kind: RejectionKind, message: string, current?: CurrentObject) {
    super(message);
    this.kind = kind;
    this.current = current;
  }
}

export const invalid = (message: string) => new DomainError('invalid', message);
export const tooLarge = (message: string) => new DomainError('tooLarge', message);
export const notFound = (message: string) => new DomainError('notFound', message);

export function conflict(message: string, type?: string, object?: object): DomainError {
  return new DomainError('conflict', message, type && object ? { type, object } : undefined);
}

const requestFailures = {
  undelivered: 'no healthy queue of the runner took the message',
  unanswered: 'the runner did not respond in time',
  unreadable: 'the runner’s response cannot be read',
  tooLarge: `the message to the runner is larger than ${formatLimit(limits.message)}; shorten the texts of the task and its environment`,
} as const;

/** A request to a runner that got no usable response. Only an `undelivered` one certainly never reached the runner. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly reason: keyof typeof requestFailures;

  constructor(reason: keyof typeof requestFailures) {
    super(requestFailures[reason]);
    this.reason = reason;
  }
}

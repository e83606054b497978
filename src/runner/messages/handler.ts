import type { Response } from '../plan42/messages.ts';

/** A decrypted message of a known type. */
export interface Message {
  type: string;
  /** The JSON as it came. */
  text: string;
  /** The same, parsed. */
  body: unknown;
}

/** Answers one type of message. Errors that have no place in the response are thrown, and then nothing is answered. */
export type Handler = (message: Message, signal: AbortSignal) => Promise<Response>;

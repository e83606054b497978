import type { Response } from '../../plan42/messages.ts';

/** A decrypted message of a known type. */
export interface DecryptedMessage {
  type: string;
  /** The original JSON. */
  text: string;
  /** The parsed JSON. */
  body: unknown;
}

/** Handles one type of message. If it throws, no response is sent. */
export type Handler = (message: DecryptedMessage, signal: AbortSignal) => Promise<Response>;

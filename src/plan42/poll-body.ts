/** The body of a poll, read as a stream, message by message, so that no message costs its neighbours. */
import * as v from 'valibot';
import { formatError } from '../lib/errors.ts';
import { parseJson } from '../lib/json.ts';
import { knownFields } from './fields.ts';

export interface PollLimits {
  /** The largest message that a runner reads, as JSON with its encrypted payload. */
  messageBytes: number;
  /** The largest sum of the messages of one poll that a runner keeps. */
  pollBytes: number;
}

export const pollLimits: PollLimits = { messageBytes: 16 * 1024 * 1024, pollBytes: 64 * 1024 * 1024 };
const maxMessages = 1000;
// Everything but the messages.
const maxOutlineBytes = 64 * 1024;
// Enough for the fields beside the payload, if they come first.
const headBytes = 4096;

/** Takes the place of a message that cannot be read. */
export class UnreadableMessage {
  readonly reason: string;
  readonly bytes: number;
  /** Undefined if it is not near the beginning. */
  readonly messageId: string | undefined;

  constructor(reason: string, bytes: number, head: Buffer) {
    this.reason = reason;
    this.bytes = bytes;
    this.messageId = /"MessageID"\s{0,9}:\s{0,9}"([\w-]{1,64})"/i.exec(head.toString('latin1'))?.[1];
  }
}

const Outline = knownFields({ Messages: v.nullish(v.array(v.number())) });

/**
 * Reads `{"Messages": […]}`. Returns every message that can be read, and an {@link UnreadableMessage} for every other. The
 * messages before the place where a body breaks off count, because the server delivers each message only once.
 */
export class PollReader {
  readonly #splitter: ListSplitter;

  constructor(limits = pollLimits) {
    this.#splitter = new ListSplitter(limits);
  }

  /** @throws Error if there is too much of it */
  add(chunk: Uint8Array): void {
    this.#splitter.read(chunk);
  }

  /** @throws Error if the body has another shape; the failure, if the body breaks off before the first message is complete */
  end(failure?: { error: unknown }): unknown[] {
    if (failure !== undefined && this.#splitter.elements.length === 0) throw failure.error;
    return messagesOf(this.#splitter);
  }
}

function messagesOf({ outline, elements }: ListSplitter): unknown[] {
  let parsed: unknown;
  try {
    parsed = parseJson(outline);
  } catch (error) {
    if (/^[^{[]*\{[^{[]*"Messages"\s*:\s*\[[^\]]*$/i.test(outline) && elements.length > 0) return [...elements];
    throw new Error('the response is not JSON', { cause: error });
  }
  const result = v.safeParse(Outline, parsed);
  if (result.success) return (result.output.Messages ?? []).map((index) => elements[index]);
  throw new Error(`the response has the wrong shape (${v.getDotPath(result.issues[0]) ?? 'top level'})`);
}

const char = {
  quote: 0x22,
  comma: 0x2c,
  openList: 0x5b,
  backslash: 0x5c,
  closeList: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;
const space: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * Splits the lists in the outermost object of a JSON text into their elements. The outline is the text with each element
 * replaced by its index. Reads bytes, because all characters of JSON's structure are ASCII.
 */
class ListSplitter {
  readonly elements: unknown[] = [];
  readonly #limits: PollLimits;
  readonly #outline: number[] = [];
  #keptBytes = 0;
  #depth = 0;
  #inList = false;
  #inString = false;
  #isEscaped = false;
  #element: Element | undefined;

  constructor(limits: PollLimits) {
    this.#limits = limits;
  }

  get outline(): string {
    return new TextDecoder().decode(Buffer.from(this.#outline));
  }

  read(chunk: Uint8Array): void {
    // The part of the element that is in this chunk begins here.
    let from = 0;
    for (let i = 0; i < chunk.length; i += 1) {
      if (this.#element && this.#inString && !this.#isEscaped) i = endOfPlainText(chunk, i);
      const byte = chunk[i] ?? 0;
      if (this.#isBetweenElements) {
        if (byte === char.comma || byte === char.closeList) {
          this.#element?.add(chunk.subarray(from, i));
          this.#finishElement();
        } else if (this.#element === undefined && !space.has(byte)) {
          const { messageBytes, pollBytes } = this.#limits;
          this.#element = new Element(Math.min(messageBytes, pollBytes - this.#keptBytes));
          from = i;
        }
      }
      if (this.#element === undefined) this.#addToOutline(byte);
      this.#track(byte);
    }
    this.#element?.add(chunk.subarray(from));
  }

  /** Whether a comma or bracket would end the element. */
  get #isBetweenElements(): boolean {
    return this.#inList && this.#depth === 2 && !this.#inString;
  }

  #track(byte: number): void {
    if (this.#inString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === char.backslash) this.#isEscaped = true;
      else if (byte === char.quote) this.#inString = false;
    } else if (byte === char.quote) this.#inString = true;
    else if (byte === char.openList || byte === char.openObject) {
      if (this.#depth === 1) this.#inList = byte === char.openList;
      this.#depth += 1;
    } else if (byte === char.closeList || byte === char.closeObject) this.#depth -= 1;
  }

  #addToOutline(byte: number): void {
    if (this.#outline.length >= maxOutlineBytes) throw new Error('the response is too large');
    this.#outline.push(byte);
  }

  #finishElement(): void {
    if (this.#element === undefined) return;
    if (this.elements.length >= maxMessages) throw new Error(`the response has more than ${maxMessages} messages`);
    for (const digit of Buffer.from(String(this.elements.length))) this.#addToOutline(digit);
    this.#keptBytes += this.#element.keptBytes;
    this.elements.push(this.#element.parse());
    this.#element = undefined;
  }
}

/** Returns the index of the next quote or backslash, or the last index. Most of a message is one string. */
function endOfPlainText(chunk: Uint8Array, from: number): number {
  let i = from;
  while (i < chunk.length - 1 && chunk[i] !== char.quote && chunk[i] !== char.backslash) i += 1;
  return i;
}

/** The bytes of one element, or only its first ones if it is too large. */
class Element {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get keptBytes(): number {
    return this.#bytes <= this.#maxBytes ? this.#bytes : 0;
  }

  add(chunk: Uint8Array): void {
    const wasTooLarge = this.#bytes > this.#maxBytes;
    this.#bytes += chunk.length;
    if (wasTooLarge) return;
    this.#chunks.push(chunk);
    if (this.#bytes > this.#maxBytes) this.#chunks = [Buffer.concat(this.#chunks).subarray(0, headBytes)];
  }

  parse(): unknown {
    const content = Buffer.concat(this.#chunks);
    if (this.#bytes > this.#maxBytes) return new UnreadableMessage('too large', this.#bytes, content);
    try {
      return parseJson(content.toString('utf8'));
    } catch (error) {
      return new UnreadableMessage(formatError(error), this.#bytes, content.subarray(0, headBytes));
    }
  }
}

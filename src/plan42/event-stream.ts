/** Server-sent events, by the WHATWG HTML Standard, §9.2.6 "Interpreting an event stream". */

export interface ServerSentEvent {
  /** `message` unless the stream says otherwise. */
  type: string;
  data: string;
  /** The newest ID that the stream has given, with this event or an earlier one; empty when there was none. */
  lastEventId: string;
  /** The newest reconnection time of the stream, in milliseconds. */
  retryMs: number | undefined;
}

/**
 * The events of a stream of bytes, whichever way it is cut into chunks. Rejects when `chunks` does. An event whose
 * blank line never comes is dropped, as the standard has it.
 */
export async function* parseEventStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent, void> {
  // The decoder takes a leading byte order mark away.
  const decoder = new TextDecoder();
  const lines = new LineSplitter();
  const events = new EventBuilder();
  for await (const chunk of chunks) {
    for (const line of lines.push(decoder.decode(chunk, { stream: true }))) {
      const event = events.push(line);
      if (event !== undefined) yield event;
    }
  }
}

/** Splits text at CR, LF and CRLF; a CRLF may be cut in two by the chunks. */
class LineSplitter {
  #rest = '';
  #afterCarriageReturn = false;

  /** The lines that `chunk` completes. */
  push(chunk: string): string[] {
    if (chunk === '') return [];
    const text = this.#afterCarriageReturn && chunk.startsWith('\n') ? chunk.slice(1) : chunk;
    this.#afterCarriageReturn = chunk.endsWith('\r');
    const lines = (this.#rest + text).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? '';
    return lines;
  }
}

/** Collects the fields of one event after another. */
class EventBuilder {
  #type = '';
  #data: string[] = [];
  #lastEventId = '';
  #retryMs: number | undefined;

  /** The event that `line` ends, if it ends one. */
  push(line: string): ServerSentEvent | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined; // a comment
    if (colon === -1) this.#setField(line, '');
    else this.#setField(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ''));
    return undefined;
  }

  #setField(name: string, value: string): void {
    if (name === 'event') this.#type = value;
    else if (name === 'data') this.#data.push(value);
    else if (name === 'id' && !value.includes('\0')) this.#lastEventId = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.#retryMs = Number(value);
  }

  #dispatch(): ServerSentEvent | undefined {
    const [type, data] = [this.#type || 'message', this.#data];
    this.#type = '';
    this.#data = [];
    if (data.length === 0) return undefined;
    return { type, data: data.join('\n'), lastEventId: this.#lastEventId, retryMs: this.#retryMs };
  }
}

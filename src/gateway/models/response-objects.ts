/** Finds the objects of JSON in a response, as its bytes come: the data of server-sent events, or the whole body. */
import { tryParseJson } from '../../lib/json.ts';

export interface ResponseObjects {
  write(chunk: Uint8Array): void;
  end(): void;
}

// One event of a stream, or a whole response. What is longer is not read, and so estimated.
const maxLength = 32 << 20;

/** @param take called with each object, and `undefined` for one that cannot be read */
export function createResponseObjects(isStream: boolean, take: (value: unknown) => void): ResponseObjects {
  const decoder = new TextDecoder();
  let pending: string[] = [];
  let length = 0;
  let isTooLong = false;
  let data: string[] = [];

  function keep(text: string): void {
    length += text.length;
    isTooLong ||= length > maxLength;
    if (isTooLong) pending = [];
    else if (text !== '') pending.push(text);
  }

  function takeKept(): string {
    const text = isTooLong ? '' : pending.join('');
    pending = [];
    length = 0;
    isTooLong = false;
    return text;
  }

  function line(text: string): void {
    if (text === '') {
      dispatch();
      return;
    }
    const value = /^data: ?(.*)$/s.exec(text)?.[1];
    if (value !== undefined) data.push(value);
  }

  function dispatch(): void {
    const text = data.join('\n');
    data = [];
    if (text !== '' && text !== '[DONE]') take(tryParseJson(text));
  }

  function read(text: string): void {
    if (!isStream) {
      keep(text);
      return;
    }
    const lines = text.split('\n');
    for (const [index, each] of lines.entries()) {
      keep(each);
      if (index < lines.length - 1) line(takeKept().replace(/\r$/, ''));
    }
  }

  return {
    write: (chunk) => read(decoder.decode(chunk, { stream: true })),
    end: () => {
      read(decoder.decode());
      const rest = takeKept();
      if (!isStream) {
        if (rest !== '') take(tryParseJson(rest));
        return;
      }
      // A stream that was cut within an event has no whole object there.
      line(rest.replace(/\r$/, ''));
      dispatch();
    },
  };
}

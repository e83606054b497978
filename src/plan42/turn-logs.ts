import * as v from 'valibot';
import { tryParseJson } from '../lib/json.ts';
import type { ServerSentEvent } from './event-stream.ts';
import { knownFields } from './fields.ts';
import { type FollowOptions, followEvents } from './follow-events.ts';
import type { ApiEndpoint } from './http.ts';

const TurnLog = knownFields({ Timestamp: v.string(), Message: v.string() });

export interface TurnLogEntry {
  /** The position in the log of the turn. */
  index: number;
  /** RFC 3339. */
  timestamp: string;
  message: string;
}

/**
 * Yields the entries of a turn's log at `path`, in order and each once, until the turn is finished. Resumes a broken
 * stream.
 * @throws ApiError or ConnectionError if the server stays unreachable; the signal's reason if aborted
 */
export function streamTurnLogs(
  endpoint: ApiEndpoint,
  path: string,
  options?: FollowOptions,
): AsyncGenerator<TurnLogEntry, void> {
  return followEvents(endpoint, path, parseEntry, options);
}

/** Returns undefined for other events, which a newer server may send. */
function parseEntry(event: ServerSentEvent, index: number): TurnLogEntry | undefined {
  if (event.type !== 'log') return undefined;
  const result = v.safeParse(TurnLog, tryParseJson(event.data));
  if (!result.success) return undefined;
  return { index, timestamp: result.output.Timestamp, message: result.output.Message };
}

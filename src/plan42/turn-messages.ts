/** Messages between people and agents during a turn, and the sub-agents of the turn. */
import * as v from 'valibot';
import { tryParseJson } from '../lib/json.ts';
import type { ServerSentEvent } from './event-stream.ts';
import { integer, knownFields, type ObjectOf, view } from './fields.ts';
import { type FollowOptions, followEvents } from './follow-events.ts';
import type { ApiEndpoint } from './http.ts';
import { versionFields } from './objects.ts';

export const turnMessageFields = {
  MessageID: v.string(),
  /** Set if a person has sent it. */
  FromTenantID: v.optional(v.string()),
  /** Set if an agent has sent it. */
  FromAgentID: v.optional(v.string()),
  /** The IDs of agents, or of the tenant. */
  To: v.array(v.string()),
  Message: v.string(),
  CreatedAt: v.string(),
};
export type TurnMessage = ObjectOf<typeof turnMessageFields>;

const subAgentCompletionFields = {
  AgentID: v.string(),
  /** Whether the sub-agent waits for messages. Otherwise it has ended. */
  StillRunning: v.boolean(),
  CompletionMessage: v.string(),
};
export type SubAgentCompletion = ObjectOf<typeof subAgentCompletionFields>;

/** One event of the stream of a turn. */
export type TurnEvent =
  | { event: 'UserMessage' | 'AgentMessage'; data: TurnMessage }
  | { event: 'SubAgentCompletion'; data: SubAgentCompletion };

/** A record that an agent writes about an agent that it has started itself. */
export const subAgentFields = {
  TenantId: v.string(),
  TaskId: v.string(),
  TurnIndex: integer,
  WorkstreamId: v.optional(v.string()),
  AgentID: v.string(),
  /** `CodeReview`, `Custom` or `Main`. */
  AgentType: v.string(),
  Name: v.string(),
  Prompt: v.optional(v.string()),
  AutoExit: v.boolean(),
  Model: v.optional(v.string()),
  ReasoningLevel: v.optional(v.string()),
  /** `Running`, `Waiting` or `Terminated`. */
  Status: v.string(),
  ...versionFields,
};
export type SubAgent = ObjectOf<typeof subAgentFields>;

const Message = knownFields(turnMessageFields);
const Completion = knownFields(subAgentCompletionFields);

/**
 * Yields the messages of a turn at `path`, and the ends of its sub-agents, in order and each once, until the turn is finished.
 * Resumes a broken stream. @throws like {@link followEvents}
 */
export function streamTurnEvents(
  endpoint: ApiEndpoint,
  path: string,
  options?: FollowOptions,
): AsyncGenerator<TurnEvent, void> {
  return followEvents(endpoint, path, parseTurnEvent, options);
}

/** One event in the list of a turn's events. Other servers have no such list. */
export type ListedTurnEvent =
  | { Event: 'UserMessage' | 'AgentMessage'; Data: TurnMessage }
  | { Event: 'SubAgentCompletion'; Data: SubAgentCompletion };
export const ListedTurnEvent: v.GenericSchema<unknown, ListedTurnEvent> = v.variant('Event', [
  v.looseObject({ Event: v.picklist(['UserMessage', 'AgentMessage']), Data: Message }),
  v.looseObject({ Event: v.literal('SubAgentCompletion'), Data: Completion }),
]);

/** The last events of a turn, in order. */
export interface NewestEvents {
  events: ListedTurnEvent[];
  hasEarlier: boolean;
}

/** A message as the server returns it. */
export const SentMessage = Message;

/** A sub-agent as commands read it. */
export const ListedSubAgent = knownFields(view(subAgentFields, ['AgentID', 'Name', 'AgentType', 'Status'], ['Model']));
export type ListedSubAgent = v.InferOutput<typeof ListedSubAgent>;

/** Returns undefined for other events, which a newer server may send. */
export function parseTurnEvent({ type, data }: Pick<ServerSentEvent, 'type' | 'data'>): TurnEvent | undefined {
  const json = tryParseJson(data);
  if (type === 'UserMessage' || type === 'AgentMessage') {
    const result = v.safeParse(Message, json);
    return result.success ? { event: type, data: result.output } : undefined;
  }
  if (type !== 'SubAgentCompletion') return undefined;
  const result = v.safeParse(Completion, json);
  return result.success ? { event: type, data: result.output } : undefined;
}

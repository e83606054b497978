/** Messages and sub-agents of a turn that is not finished. */
import { isDeepStrictEqual } from 'node:util';
import { mainAgentId } from '../../plan42/main-agent.ts';
import type { Turn } from '../../plan42/objects.ts';
import type { SubAgent, TurnEvent, TurnMessage } from '../../plan42/turn-messages.ts';
import type { Store } from '../store/store.ts';
import type { TurnKey } from '../store/turns.ts';
import { conflict, tooLarge } from './errors.ts';
import type { Events } from './events.ts';
import { formatLimit, jsonBytes, limits } from './limits.ts';
import { requireFit } from './quotas.ts';

interface MessageDeps {
  store: Pick<Store, 'turnEvents' | 'subAgents'>;
  events: Events;
}

/**
 * Returns the stored message with the ID of `message`, or undefined without one. So a message may be sent again.
 * @throws DomainError `conflict` if it has another content
 */
export function findSent({ store }: MessageDeps, turn: TurnKey, message: TurnMessage): TurnMessage | undefined {
  const before = store.turnEvents.findMessage(turn, message.MessageID);
  // In JSON, what is absent and what is undefined are the same.
  if (!before || isDeepStrictEqual({ ...before, CreatedAt: '' }, plain({ ...message, CreatedAt: '' }))) return before;
  throw conflict('the turn has another message with this ID; use a new ID', 'Message', before);
}

const plain = (object: object) => JSON.parse(JSON.stringify(object)) as unknown;

/** Adds an event to the turn, and wakes its streams. @throws DomainError `tooLarge` */
export function addTurnEvent({ store, events }: MessageDeps, turn: TurnKey, event: TurnEvent): void {
  const { count, bytes } = store.turnEvents.size(turn);
  const { turnMessages, turnMessageBytes } = limits;
  if (count >= turnMessages.max) {
    throw tooLarge(`the turn has ${formatLimit(turnMessages)} messages, which is the limit; go on in the next turn`);
  }
  if (bytes + jsonBytes(event.data) > turnMessageBytes.max) {
    throw tooLarge(`the messages of the turn reach ${formatLimit(turnMessageBytes)} together; go on in the next turn`);
  }
  store.turnEvents.append(turn, event);
  events.emit('turnEventAdded', turn);
}

/** Whether an ID is that of the agent that works on the turn, or of one of its sub-agents. */
export function isAgentOf({ store }: MessageDeps, turn: TurnKey, id: string): boolean {
  return id === mainAgentId || store.subAgents.find(subAgentKey(turn, id)) !== undefined;
}

/** @throws DomainError `conflict` if a sub-agent that has ended is to send or to read the message */
export function requireLiveAgents(
  { store }: MessageDeps,
  turn: TurnKey,
  { FromAgentID, To }: Pick<TurnMessage, 'FromAgentID' | 'To'>,
): void {
  const ended = (id: string | undefined) => {
    const agent = id === undefined ? undefined : store.subAgents.find(subAgentKey(turn, id));
    return agent?.Status === 'Terminated' ? agent : undefined;
  };
  const sender = ended(FromAgentID);
  if (sender) throw conflict('From: this sub-agent has ended; send the message from another agent', 'SubAgent', sender);
  const [reader] = To.flatMap((id) => ended(id) ?? []);
  if (!reader) return;
  throw conflict(`To: the sub-agent ${reader.AgentID} has ended and reads no messages`, 'SubAgent', reader);
}

export function subAgentKey({ TenantId, TaskId, TurnIndex }: TurnKey, AgentID: string) {
  return { TenantId, TaskId, TurnIndex, AgentID };
}

/** The fields of a sub-agent that its creator chooses. */
const chosen = ['AgentType', 'Name', 'Prompt', 'AutoExit', 'Model', 'ReasoningLevel'] as const;

/** Adds a sub-agent. One that is created again with the same fields stays. @throws DomainError `conflict`, `tooLarge` */
export function addSubAgent({ store }: MessageDeps, agent: SubAgent): SubAgent {
  const { subAgents } = store;
  const before = subAgents.find(agent);
  if (before) {
    if (chosen.every((name) => before[name] === agent[name])) return before;
    throw conflict('the turn has another sub-agent with this ID; use a new ID', 'SubAgent', before);
  }
  const { TenantId, TaskId, TurnIndex } = agent;
  const others = subAgents.select('WHERE TenantId = ? AND TaskId = ? AND TurnIndex = ?', TenantId, TaskId, TurnIndex);
  if (others.length >= limits.subAgents.max) {
    throw tooLarge(`the turn has ${formatLimit(limits.subAgents)} sub-agents, which is the limit`);
  }
  requireFit(subAgents, agent);
  subAgents.insert(agent);
  return agent;
}

/** Returns a sub-agent as it is now: it ends with its turn at the latest. */
export function withTurnEnd(agent: SubAgent, isFinished: boolean, { UpdatedAt }: Turn): SubAgent {
  return isFinished && agent.Status !== 'Terminated' ? { ...agent, Status: 'Terminated', UpdatedAt } : agent;
}

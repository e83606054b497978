/** Messages and sub-agents of a turn, for people. */
import type { ListedSubAgent, ListedTurnEvent, SubAgent } from '../../../plan42/turn-messages.ts';
import { mainAgentId } from '../../../plan42/turn-messages.ts';

type Named = readonly Pick<SubAgent, 'AgentID' | 'Name'>[];

function nameOf(id: string | undefined, agents: Named): string {
  if (id === undefined || id === mainAgentId) return 'Agent';
  return agents.find(({ AgentID }) => AgentID === id)?.Name ?? `Agent ${id.slice(0, 8)}`;
}

/** One paragraph for each event, indented so that no text looks like another event. It is not yet safe to print. */
export function describeEvents(events: readonly ListedTurnEvent[], agents: Named): string {
  return events.map((event) => describeEvent(event, agents).replaceAll('\n', '\n  ')).join('\n');
}

function describeEvent({ Event, Data }: ListedTurnEvent, agents: Named): string {
  if ('StillRunning' in Data) {
    const message = Data.CompletionMessage.trim();
    return `${nameOf(Data.AgentID, agents)} ${Data.StillRunning ? 'waits' : 'has ended'}${message ? `: ${message}` : ''}`;
  }
  const sender = Event === 'UserMessage' ? 'You' : nameOf(Data.FromAgentID, agents);
  return `${sender}: ${Data.Message.trim()}`;
}

/** One line for each sub-agent. */
export function describeSubAgents(agents: readonly ListedSubAgent[]): string {
  return agents
    .map(({ Name, AgentType, Status, Model }) => `${Name} (${AgentType}${Model ? `, ${Model}` : ''}): ${Status}`)
    .join('\n');
}

/** Messages and sub-agents of a turn, for people. */

import { printable, printableLine } from '../../../lib/printable.ts';
import { mainAgentId } from '../../../plan42/main-agent.ts';
import type { ListedSubAgent, ListedTurnEvent, NewestEvents } from '../../../plan42/turn-messages.ts';

type Named = readonly Pick<ListedSubAgent, 'AgentID' | 'Name'>[];

/** An agent on one line. It chooses the names of its sub-agents, so those never stand alone: one may be called "You". */
export function describeAgent(id: string | undefined, agents: Named): string {
  if (id === undefined || id === mainAgentId) return 'agent';
  const name = agents.find(({ AgentID }) => AgentID === id)?.Name ?? id.slice(0, 8);
  return `sub-agent ${printableLine(name)}`;
}

function headingOf(id: string | undefined, agents: Named): string {
  const text = describeAgent(id, agents);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const maxCharacters = 64 * 1024;

/**
 * Returns one paragraph for each event, indented so that no text looks like another event. If they are many, only the last ones,
 * after a line with the command that shows `all`.
 */
export function describeEvents({ events, hasEarlier }: NewestEvents, agents: Named, all: string): string {
  const shown: string[] = [];
  let length = 0;
  for (const event of events.toReversed()) {
    const text = describeEvent(event, agents);
    length += text.length;
    if (shown.length > 0 && length > maxCharacters) break;
    shown.unshift(text);
  }
  const isCut = hasEarlier || shown.length < events.length;
  return [...(isCut ? [`(Earlier messages: ${all})`] : []), ...shown].join('\n');
}

function describeEvent({ Event, Data }: ListedTurnEvent, agents: Named): string {
  if ('StillRunning' in Data) {
    const message = indented(Data.CompletionMessage);
    const change = Data.StillRunning ? 'waits' : 'has ended';
    return `${headingOf(Data.AgentID, agents)} ${change}${message ? `: ${message}` : ''}`;
  }
  const sender = Event === 'UserMessage' ? 'You' : headingOf(Data.FromAgentID, agents);
  return `${sender}: ${indented(Data.Message)}`;
}

function indented(text: string): string {
  return printable(text.trim()).replaceAll('\n', '\n  ');
}

/** One line for each sub-agent. */
export function describeSubAgents(agents: readonly ListedSubAgent[]): string {
  return agents
    .map(({ Name, AgentType, Status, Model }) => `${Name} (${AgentType}${Model ? `, ${Model}` : ''}): ${Status}`)
    .map((line) => printableLine(line))
    .join('\n');
}

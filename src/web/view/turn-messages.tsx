import { useRef, useState } from 'preact/hooks';
import type { PageTurn } from '../../plan42/page-objects.ts';
import type { ListedSubAgent, ListedTurnEvent } from '../../plan42/turn-messages.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import { newUuid } from '../uuid.ts';
import { submitByKey, useAction, useApi, useLoad } from './hooks.ts';
import { Markdown } from './markdown.tsx';
import { ErrorNote, FormField, State } from './parts.tsx';

interface TurnMessagesProps {
  turn: PageTurn;
  turnPath: string;
  onSent: () => void;
}

/** The messages of a turn, its sub-agents, and while it is not finished, a form to write to its agent. */
export function TurnMessages({ turn: { MessagesTag, Status }, turnPath, onSent }: TurnMessagesProps) {
  const isOver = isTerminalStatus(Status);
  return (
    <>
      {MessagesTag === undefined ? null : <Conversation turnPath={turnPath} version={`${MessagesTag} ${isOver}`} />}
      {isOver ? null : <MessageForm turnPath={turnPath} onSent={onSent} />}
    </>
  );
}

interface Loaded {
  events: ListedTurnEvent[];
  agents: ListedSubAgent[];
}

function Conversation({ turnPath, version }: { turnPath: string; version: string }) {
  const api = useApi();
  const { value, error } = useLoad<Loaded>(`${turnPath} ${version}`, async (signal) => {
    const [events, agents] = await Promise.all([
      api.list<ListedTurnEvent>(`${turnPath}/events`, {}, { signal }),
      api.list<ListedSubAgent>(`${turnPath}/subagents`, {}, { signal }),
    ]);
    return { events, agents };
  });
  // While a new version loads, the last one is shown.
  const last = useRef<Loaded>({ events: [], agents: [] });
  if (value) last.current = value;
  const { events, agents } = last.current;
  return (
    <>
      {events.length > 0 ? (
        <>
          <h3>Messages</h3>
          <ol class="plain messages">
            {events.map((event, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: events are only appended.
              <TurnEventItem key={index} event={event} agents={agents} />
            ))}
          </ol>
        </>
      ) : null}
      {agents.length > 0 ? (
        <>
          <h3>Sub-agents</h3>
          <ul class="plain">
            {agents.map(({ AgentID, Name, AgentType, Status }) => (
              <li key={AgentID}>
                {Name} <span class="quiet">{AgentType}</span> <State name={Status}>{Status}</State>
              </li>
            ))}
          </ul>
        </>
      ) : null}
      <ErrorNote message={error} />
    </>
  );
}

function TurnEventItem({ event: { Event, Data }, agents }: { event: ListedTurnEvent; agents: ListedSubAgent[] }) {
  const nameOf = (id: string | undefined) => agents.find(({ AgentID }) => AgentID === id)?.Name ?? 'Agent';
  if ('StillRunning' in Data) {
    return (
      <li>
        <strong>{nameOf(Data.AgentID)}</strong> {Data.StillRunning ? 'waits for messages' : 'has ended'}
        <Markdown text={Data.CompletionMessage} />
      </li>
    );
  }
  return (
    <li>
      <strong>{Event === 'UserMessage' ? 'You' : nameOf(Data.FromAgentID)}</strong>
      {Event === 'UserMessage' ? <div class="text">{Data.Message}</div> : <Markdown text={Data.Message} />}
    </li>
  );
}

function MessageForm({ turnPath, onSent }: { turnPath: string; onSent: () => void }) {
  const api = useApi();
  const [text, setText] = useState('');
  const [mistake, setMistake] = useState<string>();
  // A message whose response was lost is sent again with the same ID, and stored once.
  const id = useRef(newUuid());
  const { run, isBusy, error } = useAction(async () => {
    await api.call('PUT', `${turnPath}/messages/${id.current}`, { body: { FromType: 'Tenant', Message: text } });
    id.current = newUuid();
    setText('');
    onSent();
  });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const isEmpty = text.trim() === '';
    setMistake(isEmpty ? 'Enter a message.' : undefined);
    if (isEmpty) (event.currentTarget as HTMLFormElement).querySelector('textarea')?.focus();
    else run();
  };
  const change = (value: string) => {
    id.current = newUuid();
    setText(value);
  };
  return (
    <form onSubmit={submit} onKeyDown={submitByKey} noValidate>
      <FormField
        label="Message to the agent"
        hint="It reads the message when it has done what it was asked before. Ctrl+Enter sends it."
        error={mistake}
      >
        {(attributes) => (
          <textarea {...attributes} rows={2} value={text} onInput={(event) => change(event.currentTarget.value)} />
        )}
      </FormField>
      <ErrorNote message={error} />
      <button type="submit" disabled={isBusy}>
        Send message
      </button>
    </form>
  );
}

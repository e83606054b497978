import { useRef, useState } from 'preact/hooks';
import { mainAgentId } from '../../plan42/main-agent.ts';
import type { PageTurn } from '../../plan42/page-objects.ts';
import type { ListedSubAgent, ListedTurnEvent } from '../../plan42/turn-messages.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import { newUuid } from '../uuid.ts';
import type { Api } from './api.ts';
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
  /** The last ones, in order. */
  events: ListedTurnEvent[];
  hasEarlier: boolean;
  agents: ListedSubAgent[];
}

// Those of a page can have 3 MiB together.
const pageSize = 50;

/** Returns the events of the last pages, because a turn can have 16 MiB of them. */
async function loadEvents(api: Api, turnPath: string, pages: number, signal: AbortSignal) {
  const newestFirst: ListedTurnEvent[] = [];
  let token: string | undefined = '';
  for (let page = 0; page < pages && token !== undefined; page += 1) {
    const query = new URLSearchParams({ newestFirst: 'true', maxResults: String(pageSize), token });
    const found: { Items: ListedTurnEvent[]; NextToken?: string } = await api.call(
      'GET',
      `${turnPath}/events?${query}`,
      {
        signal,
      },
    );
    newestFirst.push(...found.Items);
    token = found.NextToken;
  }
  return { events: newestFirst.toReversed(), hasEarlier: token !== undefined };
}

function Conversation({ turnPath, version }: { turnPath: string; version: string }) {
  const api = useApi();
  const [pages, setPages] = useState(1);
  const { value, error } = useLoad<Loaded>(`${turnPath} ${version} ${pages}`, async (signal) => {
    const [{ events, hasEarlier }, agents] = await Promise.all([
      loadEvents(api, turnPath, pages, signal),
      api.list<ListedSubAgent>(`${turnPath}/subagents`, {}, { signal }),
    ]);
    return { events, hasEarlier, agents };
  });
  // While a new version loads, the last one is shown.
  const last = useRef<Loaded>({ events: [], hasEarlier: false, agents: [] });
  if (value) last.current = value;
  const { events, hasEarlier, agents } = last.current;
  return (
    <>
      {events.length > 0 ? (
        <>
          <h3>Messages</h3>
          {hasEarlier ? (
            <button type="button" onClick={() => setPages(pages + 1)}>
              Show earlier messages
            </button>
          ) : null}
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
                <AgentName name={Name} /> <span class="quiet">{AgentType}</span> <State name={Status}>{Status}</State>
              </li>
            ))}
          </ul>
        </>
      ) : null}
      <ErrorNote message={error} />
    </>
  );
}

/** A sub-agent, whose name its agent chooses. So the name never stands alone: it may be "You". */
function AgentName({ name }: { name: string }) {
  return (
    <>
      Sub-agent <strong>{name}</strong>
    </>
  );
}

function AgentOf({ id, agents }: { id: string | undefined; agents: ListedSubAgent[] }) {
  if (id === undefined || id === mainAgentId) return <strong>Agent</strong>;
  return <AgentName name={agents.find(({ AgentID }) => AgentID === id)?.Name ?? id.slice(0, 8)} />;
}

function TurnEventItem({ event: { Event, Data }, agents }: { event: ListedTurnEvent; agents: ListedSubAgent[] }) {
  if ('StillRunning' in Data) {
    return (
      <li>
        <AgentOf id={Data.AgentID} agents={agents} /> {Data.StillRunning ? 'waits for messages' : 'has ended'}
        <Markdown text={Data.CompletionMessage} />
      </li>
    );
  }
  return (
    <li>
      {Event === 'UserMessage' ? <strong>You</strong> : <AgentOf id={Data.FromAgentID} agents={agents} />}
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

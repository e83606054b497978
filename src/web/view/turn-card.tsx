import { useState } from 'preact/hooks';
import type { Turn } from '../../plan42/objects.ts';
import { duration } from '../times.ts';
import { LogView } from './log-view.tsx';
import { State, Time } from './parts.tsx';

/** One turn: its prompt, status, result and log. */
export function TurnCard({ turn, turnPath, isLast }: { turn: Turn; turnPath: string; isLast: boolean }) {
  const { TurnIndex, Status, Prompt, OutputMessage, ErrorMessage, CreatedAt, CompletedAt } = turn;
  // The logs of older turns are only fetched when opened.
  const [isOpen, setOpen] = useState(isLast);
  const title = `turn-${TurnIndex}`;
  return (
    <article class="card turn" aria-labelledby={title}>
      <header>
        <h2 id={title}>Turn {TurnIndex}</h2>
        <State name={Status} />
        <span class="quiet">
          <Time at={CreatedAt} />
          {CompletedAt ? `, took ${duration(Date.parse(CompletedAt) - Date.parse(CreatedAt))}` : null}
        </span>
      </header>
      <h3>Prompt</h3>
      <div class="text">{Prompt}</div>
      {ErrorMessage ? (
        <>
          <h3>Error</h3>
          <div class="text bad">{ErrorMessage}</div>
        </>
      ) : null}
      {OutputMessage ? (
        <>
          <h3>Output</h3>
          <div class="text">{OutputMessage}</div>
        </>
      ) : null}
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Log</summary>
        {isOpen ? <LogView path={`${turnPath}/logs`} name={`Log of turn ${TurnIndex}`} /> : null}
      </details>
    </article>
  );
}

import { useRef, useState } from 'preact/hooks';
import { formatDuration } from '../../lib/format-duration.ts';
import type { Turn } from '../../plan42/objects.ts';
import { ErrorNote, State, Time } from './parts.tsx';
import { type LogState, useLog } from './use-log.ts';

/** One turn: its prompt, status, result and log. */
export function TurnCard({ turn, turnPath, isLast }: { turn: Turn; turnPath: string; isLast: boolean }) {
  const { TurnIndex, Status, Prompt, OutputMessage, ErrorMessage, CreatedAt, CompletedAt, Machine } = turn;
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
          {CompletedAt ? `, took ${formatDuration(Date.parse(CompletedAt) - Date.parse(CreatedAt))}` : null}
          {Machine ? `, on ${Machine}` : null}
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

/** The live log of a turn. */
function LogView({ path, name }: { path: string; name: string }) {
  const box = useRef<HTMLDivElement>(null);
  const { state, onScroll, goToEnd } = useLog(path, box);
  const { isEmpty, isFollowing, unseen, skipped, error } = state;
  return (
    <div>
      {skipped > 0 ? (
        <p class="quiet">{skipped} earlier lines are not shown; “plan42 server turn logs” prints them all.</p>
      ) : null}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable elements must be reachable by keyboard. */}
      <div ref={box} class="log" role="log" aria-live="off" aria-label={name} tabIndex={0} onScroll={onScroll} />
      <p class="log-note quiet">
        {noteOf(state)}
        {isFollowing || isEmpty ? null : (
          <button type="button" onClick={goToEnd}>
            {unseen > 0 ? `${unseen} new ${unseen === 1 ? 'line' : 'lines'} ↓` : 'To the end ↓'}
          </button>
        )}
      </p>
      <ErrorNote message={error} />
    </div>
  );
}

function noteOf({ isEmpty, isComplete }: LogState): string | null {
  if (isEmpty) return isComplete ? 'The log is empty.' : 'No log lines yet.';
  return isComplete ? 'End of the log.' : null;
}

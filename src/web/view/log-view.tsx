import { useRef } from 'preact/hooks';
import { ErrorNote } from './parts.tsx';
import { type LogState, useLog } from './use-log.ts';

/** The live log of a turn. */
export function LogView({ path, name }: { path: string; name: string }) {
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

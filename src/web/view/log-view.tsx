import { useRef, useState } from 'preact/hooks';
import type { LogMatches } from '../../plan42/page-objects.ts';
import { textParts } from '../log-text.ts';
import { logLine } from '../shown-text.ts';
import { clockTime, exactTime } from '../times.ts';
import { downloadLog } from './download-log.ts';
import { useAction, useApi, useDebounced, usePoll } from './hooks.ts';
import { ErrorNote, Loading } from './parts.tsx';
import { type LogState, useLog } from './use-log.ts';

interface LogViewProps {
  path: string;
  /** The path for searches. */
  searchPath: string;
  name: string;
  fileName: string;
}

const wrapKey = 'plan42-log-wrap';
const searchPollMs = 5000;

/** The live log of a turn, which can be searched, wrapped and downloaded. */
export function LogView({ path, searchPath, name, fileName }: LogViewProps) {
  const api = useApi();
  const [search, setSearch] = useState('');
  const [isWrapped, setWrapped] = useState(localStorage.getItem(wrapKey) !== 'no');
  const download = useAction(() => downloadLog(api, path, fileName));
  const text = useDebounced(search.trim());
  const changeWrap = (wrap: boolean) => {
    setWrapped(wrap);
    localStorage.setItem(wrapKey, wrap ? 'yes' : 'no');
  };
  return (
    <div class={isWrapped ? undefined : 'unwrapped'}>
      <div class="log-tools">
        <input
          type="search"
          aria-label={`Search ${name.toLowerCase()}`}
          placeholder="Search"
          autocomplete="off"
          spellcheck={false}
          maxLength={200}
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
          onKeyDown={(event) => event.key === 'Escape' && setSearch('')}
        />
        <label class="check">
          <input type="checkbox" checked={isWrapped} onChange={(event) => changeWrap(event.currentTarget.checked)} />
          Wrap lines
        </label>
        <button type="button" disabled={download.isBusy} onClick={() => download.run()}>
          Download
        </button>
      </div>
      <ErrorNote message={download.error} />
      {text === '' ? null : <Matches path={searchPath} text={text} name={name} />}
      {/* It goes on in the background, so that it is where it was after the search. */}
      <div hidden={text !== ''}>
        <LiveLog path={path} name={name} />
      </div>
    </div>
  );
}

/** The lines that contain a text, in the whole log, also those that are not shown. */
function Matches({ path, text, name }: { path: string; text: string; name: string }) {
  const api = useApi();
  const query = `${path}?${new URLSearchParams({ search: text })}`;
  const load = (signal: AbortSignal) => api.call<LogMatches>('GET', query, { signal, exact: true });
  const { value, error } = usePoll<LogMatches>(query, load, searchPollMs);
  if (!value) return <Loading error={error} />;
  const { Count, Entries } = value;
  return (
    <div>
      <p class="quiet" role="status">
        {countOf(Count)}
        {Entries.length < Count ? `; the newest ${Entries.length} are shown` : null}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable elements must be reachable by keyboard. */}
      <div class="log" role="log" aria-live="off" aria-label={`Matches in ${name.toLowerCase()}`} tabIndex={0}>
        {Entries.map(({ Index, Timestamp, Message }) => (
          <div key={Index} class="log-line" data-time={clockTime(Timestamp)} title={exactTime(Timestamp)}>
            <span>
              {textParts(logLine(Message), text).map(({ part, isMatch }, n) =>
                // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text have no identity.
                isMatch ? <mark key={n}>{part}</mark> : part,
              )}
            </span>
          </div>
        ))}
      </div>
    </div>
  );
}

function countOf(count: number): string {
  if (count === 0) return 'No line matches.';
  return count === 1 ? '1 line matches' : `${count} lines match`;
}

function LiveLog({ path, name }: { path: string; name: string }) {
  const box = useRef<HTMLDivElement>(null);
  const { state, onScroll, goToEnd } = useLog(path, box);
  const { isEmpty, isFollowing, unseen, skipped, error } = state;
  return (
    <>
      {skipped > 0 ? (
        <p class="quiet">{skipped} earlier lines are not shown; search and download include them.</p>
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
    </>
  );
}

function noteOf({ isEmpty, isComplete, isFollowing }: LogState): string | null {
  if (isEmpty) return isComplete ? 'The log is empty.' : 'No log lines yet.';
  if (isComplete) return 'End of the log.';
  return isFollowing ? 'Following …' : null;
}

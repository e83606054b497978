import { useState } from 'preact/hooks';
import { formatDuration } from '../../lib/format-duration.ts';
import type { Task } from '../../plan42/objects.ts';
import type { PageTurn, TaskDocument } from '../../plan42/page-objects.ts';
import { describeUsage } from '../../plan42/provider-usage.ts';
import { describeTurnLimit } from '../../plan42/turn-network.ts';
import { isTerminalStatus, turnWord } from '../../plan42/turn-status.ts';
import { commitUrl } from '../repo-links.ts';
import { shownLink } from '../shown-text.ts';
import { isWaiting, timesOf } from '../turn-state.ts';
import { ExternalLink } from './external-link.tsx';
import { LogView } from './log-view.tsx';
import { Markdown } from './markdown.tsx';
import { Elapsed, State, Time } from './parts.tsx';
import { TurnMessages } from './turn-messages.tsx';
import { TurnNetworkView } from './turn-network.tsx';

interface TurnCardProps {
  turn: PageTurn;
  task: Task;
  turnPath: string;
  isLast: boolean;
  /** The time of the server. */
  now: string;
  environment: TaskDocument['Environment'];
  /** Called when the user has changed something that the turn shows. */
  onChange: () => void;
}

/** One turn: its prompt, status, result and log. */
export function TurnCard({ turn, task, turnPath, isLast, now, environment, onChange }: TurnCardProps) {
  const { TurnIndex, Prompt, OutputMessage, ErrorMessage, CreatedAt, Machine, Image } = turn;
  const repos = task.RepoInfo ?? {};
  // The logs of older turns are only fetched when opened.
  const [isOpen, setOpen] = useState(isLast);
  const title = `turn-${TurnIndex}`;
  return (
    <article class="card turn" aria-labelledby={title}>
      <header>
        <h2 id={title}>Turn {TurnIndex}</h2>
        <State name={turnWord(turn, task)} />
        <span class="quiet">
          <Time at={CreatedAt} />
          <TurnTimes turn={turn} now={now} />
          {Machine ? `, on ${Machine}` : null}
        </span>
        {Image ? <code class="quiet">{Image}</code> : null}
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
          <Markdown text={OutputMessage} />
        </>
      ) : null}
      <Commits turn={turn} repos={repos} />
      <TurnMessages turn={turn} turnPath={turnPath} onSent={onChange} />
      {turn.Usage ? (
        <>
          <h3>Models</h3>
          <p>{describeUsage(turn.Usage)}</p>
        </>
      ) : null}
      {turn.Network?.Limits ? (
        <>
          <h3>Limits</h3>
          <ul class="plain">
            {turn.Network.Limits.map((limit) => (
              <li key={limit.Limit}>{describeTurnLimit(limit)}</li>
            ))}
          </ul>
        </>
      ) : null}
      {turn.Network ? <TurnNetworkView network={turn.Network} environment={environment} onChange={onChange} /> : null}
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Log</summary>
        {isOpen ? (
          <LogView
            path={`${turnPath}/logs`}
            searchPath={`page/tasks/${turn.TaskId}/turns/${TurnIndex}/log`}
            name={`Log of turn ${TurnIndex}`}
            fileName={`plan42-${turn.TaskId.slice(0, 8)}-turn-${TurnIndex}.log`}
          />
        ) : null}
      </details>
    </article>
  );
}

/** How long the turn waited and ran. */
function TurnTimes({ turn, now }: { turn: PageTurn; now: string }) {
  const { CreatedAt, AcceptedAt, Status } = turn;
  const { waitedMs, ranMs } = timesOf(turn, new Date(now));
  if (!isTerminalStatus(Status)) {
    const isRunning = AcceptedAt !== undefined && !(isWaiting(Status) && Status !== 'Pending');
    return (
      <>
        , {isRunning ? 'running' : 'waiting'} for <Elapsed from={isRunning ? AcceptedAt : CreatedAt} now={now} />
      </>
    );
  }
  if (ranMs === undefined) return <>, waited {formatDuration(waitedMs)}</>;
  const waited = waitedMs < unremarkableMs ? '' : ` after waiting ${formatDuration(waitedMs)}`;
  return (
    <>
      , took {formatDuration(ranMs)}
      {waited}
    </>
  );
}

const unremarkableMs = 10_000;

/** The last commit of each repository that the turn changed. */
function Commits({ turn: { CommitInfo }, repos }: { turn: PageTurn; repos: Task['RepoInfo'] }) {
  const commits = Object.entries(CommitInfo ?? {}).flatMap(([repo, { BaselineCommitHash, LastCommitHash }]) =>
    LastCommitHash && LastCommitHash !== BaselineCommitHash ? [{ repo, hash: LastCommitHash }] : [],
  );
  if (commits.length === 0) return null;
  return (
    <>
      <h3>{commits.length === 1 ? 'Commit' : 'Commits'}</h3>
      <ul class="plain">
        {commits.map(({ repo, hash }) => (
          <li key={repo}>
            {repo}{' '}
            <ExternalLink link={shownLink(commitUrl(repo, hash, repos[repo]?.PRLink))} showHost={false}>
              <code title={hash}>{hash.slice(0, 10)}</code>
            </ExternalLink>
            {repos[repo]?.FeatureBranch ? <span class="quiet"> on {repos[repo].FeatureBranch}</span> : null}
          </li>
        ))}
      </ul>
    </>
  );
}

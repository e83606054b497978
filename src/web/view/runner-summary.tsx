import type { Overview, RunnerOverview } from '../../plan42/page-objects.ts';
import { describeEnd, tokenState } from '../../plan42/token-end.ts';
import { hashOf } from '../place.ts';
import { summarise } from '../series.ts';
import { State } from './parts.tsx';
import { UtilisationPlot } from './utilisation-plot.tsx';

const queueStates = ['Healthy', 'Draining', 'Unhealthy'] as const;

/** The status of a runner: its queues by state, its messages and its utilisation. */
export function RunnerSummary({ runner, overview }: { runner: RunnerOverview; overview: Overview }) {
  const { Queues } = runner;
  const outstanding = Queues.reduce((sum, { Waiting, Unanswered }) => sum + Waiting + Unanswered, 0);
  const summary = summarise(runner.Utilisation);
  const percent = (value: number | undefined) => (value === undefined ? '–' : `${value}%`);
  return (
    <>
      <EndingTokens runner={runner} now={overview.Now} />
      <dl class="figures">
        <div>
          <dt>Queues</dt>
          <dd>
            <QueueCounts runner={runner} />
          </dd>
        </div>
        {runner.Machines.length > 0 ? (
          <div>
            <dt>{runner.Machines.length === 1 ? 'Machine' : 'Machines'}</dt>
            <dd>
              <ul class="plain">
                {runner.Machines.map(({ Id, Name, FreeSlots, MaxSlots, LowDisk }) => (
                  <li key={Id}>
                    {Name}: {FreeSlots} of {MaxSlots} slots free{LowDisk ? ', low disk space' : ''}
                  </li>
                ))}
              </ul>
            </dd>
          </div>
        ) : null}
        <div>
          <dt>Outstanding</dt>
          <dd>{outstanding === 1 ? '1 message' : `${outstanding} messages`}</dd>
        </div>
        <div>
          <dt>Utilisation now</dt>
          <dd>{percent(summary?.now)}</dd>
        </div>
        <div>
          <dt>Highest, last hour</dt>
          <dd>{percent(summary?.highest)}</dd>
        </div>
      </dl>
      <figure>
        <UtilisationPlot
          size="large"
          label={`Utilisation of ${runner.Name}`}
          samples={runner.Utilisation}
          steps={overview.MaxSteps}
        />
        <figcaption aria-hidden="true">
          <span>1 hour ago</span>
          <span>Utilisation, 0 to 100%</span>
          <span>now</span>
        </figcaption>
      </figure>
    </>
  );
}

/** The tokens that have to be replaced, by the clock of the server. */
export function EndingTokens({
  runner: { RunnerId, EndingTokens = [] },
  now,
}: {
  runner: RunnerOverview;
  now: string;
}) {
  return EndingTokens.map(({ TokenID, ExpiresAt }) => {
    const [date, end] = [new Date(now), new Date(ExpiresAt)];
    const what = tokenState(end, date) === 'expired' ? 'expired' : 'ends';
    return (
      <p key={TokenID} class="note attention">
        Token {TokenID.slice(0, 8)} {what} {describeEnd(end, date)}.{' '}
        <a href={hashOf({ view: 'runner', runnerId: RunnerId })}>Create a new token</a> and set it as{' '}
        <code>runner.token</code> where the runner runs.
      </p>
    );
  });
}

/** The best state among the queues of a runner. */
export function RunnerState({ runner: { Queues } }: { runner: RunnerOverview }) {
  const best = queueStates.find((state) => Queues.some((queue) => queue.State === state));
  return <State name={best ?? 'Not connected'} />;
}

function QueueCounts({ runner }: { runner: RunnerOverview }) {
  const counts = queueStates
    .map((state) => ({ state, count: runner.Queues.filter((queue) => queue.State === state).length }))
    .filter(({ count }) => count > 0);
  if (counts.length === 0) return <>none</>;
  return (
    <>
      {counts.map(({ state, count }) => (
        <span key={state} class="count">
          <State name={state}>
            {count} {state.toLowerCase()}
          </State>
        </span>
      ))}
    </>
  );
}

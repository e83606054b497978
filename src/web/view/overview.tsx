import type { Overview, QueueOverview, RunnerOverview, TaskPage } from '../../plan42/page-objects.ts';
import { hashOf } from '../place.ts';
import { useApi, useOverview, usePoll } from './hooks.ts';
import { ErrorNote, Heading, Loading } from './parts.tsx';
import { QueueTable } from './queue-table.tsx';
import { RunnerState, RunnerSummary } from './runner-summary.tsx';
import { TaskTable } from './task-table.tsx';

const latestTasks = 8;
const shownQueues = 5;

export function OverviewView() {
  const api = useApi();
  const { value: overview, error } = useOverview();
  const { value: page, error: tasksError } = usePoll<TaskPage>('latest', (signal) =>
    api.call('GET', `page/tasks?maxResults=${latestTasks}`, { signal }),
  );
  return (
    <>
      <Heading title="Overview" />
      <ErrorNote message={overview?.Problem && `Changes are rejected: ${overview.Problem}`} />
      <section aria-labelledby="runners">
        <h2 id="runners">Runners</h2>
        {overview ? <Runners overview={overview} /> : <Loading error={error} />}
      </section>
      <section aria-labelledby="tasks">
        <h2 id="tasks">Latest tasks</h2>
        {page ? <TaskTable tasks={page.Tasks} /> : <Loading error={tasksError} />}
        {page?.NextToken === undefined ? null : <a href={hashOf({ view: 'tasks' })}>All tasks</a>}
      </section>
    </>
  );
}

function Runners({ overview }: { overview: Overview }) {
  if (overview.Runners.length === 0) return <p class="quiet">There are no runners.</p>;
  return overview.Runners.map((runner) => <RunnerCard key={runner.RunnerId} runner={runner} overview={overview} />);
}

function RunnerCard({ runner, overview }: { runner: RunnerOverview; overview: Overview }) {
  const place = hashOf({ view: 'runner', runnerId: runner.RunnerId });
  const shown = mostInteresting(runner.Queues);
  return (
    <article class="card" aria-label={runner.Name}>
      <header>
        <h3>
          <a href={place}>{runner.Name}</a>
        </h3>
        <RunnerState runner={runner} />
      </header>
      <RunnerSummary runner={runner} overview={overview} />
      {shown.length === 0 ? (
        <p class="quiet">
          No runner is connected. <a href={place}>Connect one</a>
        </p>
      ) : (
        <QueueTable queues={shown} steps={overview.MaxSteps} />
      )}
      {shown.length < runner.Queues.length ? <a href={place}>All {runner.Queues.length} queues</a> : null}
    </article>
  );
}

/** Returns a few queues, unhealthy ones first. */
function mostInteresting(queues: readonly QueueOverview[]): QueueOverview[] {
  const rank = { Unhealthy: 0, Draining: 1, Healthy: 2 };
  return queues.toSorted((a, b) => rank[a.State] - rank[b.State]).slice(0, shownQueues);
}

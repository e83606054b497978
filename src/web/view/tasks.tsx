import type { TaskPage } from '../../plan42/page-objects.ts';
import { hashOf, type Place } from '../place.ts';
import { useApi, usePoll } from './hooks.ts';
import { Heading, Loading } from './parts.tsx';
import { TaskTable } from './task-table.tsx';

const pageSize = 50;
const states = ['Pending', 'Executing', 'Awaiting Code Review', 'Completed', 'Failed'];

export function TasksView({ state, after }: Extract<Place, { view: 'tasks' }>) {
  const api = useApi();
  const query = new URLSearchParams({
    maxResults: String(pageSize),
    ...(state && { state }),
    ...(after && { token: after }),
  });
  const { value: page, error } = usePoll<TaskPage>(`${query}`, (signal) =>
    api.call('GET', `page/tasks?${query}`, { signal }),
  );
  return (
    <>
      <Heading title="Tasks">
        <a class="button" href={hashOf({ view: 'newTask' })}>
          Start a task
        </a>
      </Heading>
      <Filter state={state} counts={page?.Counts} />
      {page ? (
        <TaskTable tasks={page.Tasks} none={state ? 'No task is in this state.' : 'There are no tasks yet.'} />
      ) : (
        <Loading error={error} />
      )}
      <nav class="pages" aria-label="Pages">
        {after ? <a href={hashOf({ view: 'tasks', ...(state && { state }) })}>← Newest</a> : null}
        {page?.NextToken ? (
          <a href={hashOf({ view: 'tasks', ...(state && { state }), after: page.NextToken })}>Older →</a>
        ) : null}
      </nav>
    </>
  );
}

function Filter({ state, counts }: { state: string | undefined; counts: Record<string, number> | undefined }) {
  const all = counts && Object.values(counts).reduce((sum, count) => sum + count, 0);
  const link = (name: string, place: Extract<Place, { view: 'tasks' }>, count: number | undefined) => (
    <li key={name}>
      <a href={hashOf(place)} aria-current={place.state === state ? 'true' : undefined}>
        {name} <span class="quiet">{count ?? ''}</span>
      </a>
    </li>
  );
  return (
    <nav aria-label="Tasks by state">
      <ul class="filter">
        {link('All', { view: 'tasks' }, all)}
        {states.map((name) => link(name, { view: 'tasks', state: name }, counts && (counts[name] ?? 0)))}
      </ul>
    </nav>
  );
}

import { useEffect, useState } from 'preact/hooks';
import type { Turn } from '../../plan42/objects.ts';
import type { TaskPage } from '../../plan42/page-objects.ts';
import { hashOf, type Place } from '../place.ts';
import type { Api } from './api.ts';
import { failTurn } from './cancel-turn.tsx';
import { ConfirmedButton } from './confirmed-button.tsx';
import { useApi, useDebounced, usePoll } from './hooks.ts';
import { Heading, Loading } from './parts.tsx';
import { isCancellable, TaskTable } from './task-table.tsx';

type TasksPlace = Extract<Place, { view: 'tasks' }>;

const pageSize = 50;
const states = ['Pending', 'Executing', 'Awaiting Code Review', 'Completed', 'Failed'];
// A search reads every task.
const searchPollMs = 10_000;

export function TasksView({ state, search, after }: TasksPlace) {
  const api = useApi();
  const query = new URLSearchParams({
    maxResults: String(pageSize),
    ...(state && { state }),
    ...(search && { search }),
    ...(after && { token: after }),
  });
  const load = (signal: AbortSignal) => api.call<TaskPage>('GET', `page/tasks?${query}`, { signal });
  const { value: page, error, refresh } = usePoll<TaskPage>(`${query}`, load, search ? searchPollMs : undefined);
  const filter: TasksPlace = { view: 'tasks', ...(state && { state }), ...(search && { search }) };
  return (
    <>
      <Heading title="Tasks">
        <a class="button" href={hashOf({ view: 'newTask' })}>
          Start a task
        </a>
      </Heading>
      <Search place={filter} />
      <Filter place={filter} counts={page?.Counts} />
      {page ? <Tasks key={`${query}`} page={page} filter={filter} onDone={refresh} /> : <Loading error={error} />}
      <nav class="pages" aria-label="Pages">
        {after ? <a href={hashOf(filter)}>← Newest</a> : null}
        {page?.NextToken ? <a href={hashOf({ ...filter, after: page.NextToken })}>Older →</a> : null}
      </nav>
    </>
  );
}

/** The tasks of a page. Those that are not finished can be selected and cancelled together. */
function Tasks({ page, filter, onDone }: { page: TaskPage; filter: TasksPlace; onDone: () => void }) {
  const api = useApi();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  // A task that has finished since is no longer selected.
  const selected = page.Tasks.filter((task) => isCancellable(task) && chosen.has(task.TaskId));
  const none = filter.search || filter.state ? 'No task matches.' : 'There are no tasks yet.';
  const count = selected.length === 1 ? '1 task' : `${selected.length} tasks`;
  const act = async () => {
    for (const { TaskId } of selected) await cancelLastTurn(api, TaskId);
    setChosen(new Set());
    onDone();
    // The button is about to disappear.
    document.querySelector('h1')?.focus();
  };
  return (
    <>
      <TaskTable tasks={page.Tasks} none={none} selection={{ chosen, onChange: setChosen }} />
      <div class="selection" role="status">
        {selected.length > 0 ? (
          <ConfirmedButton
            label={`Cancel ${count}`}
            question={`Cancel ${count}?`}
            consequence="Their turns fail, and the runners stop the agents within a minute."
            action={`Cancel the ${selected.length === 1 ? 'task' : 'tasks'}`}
            act={act}
          />
        ) : null}
      </div>
    </>
  );
}

async function cancelLastTurn(api: Api, taskId: string): Promise<void> {
  const path = `${api.tenantPath}/tasks/${taskId}/turns`;
  const turn = await api.call<Turn>('GET', `${path}/last`);
  await failTurn(api, `${path}/${turn.TurnIndex}`, turn);
}

/** The search is part of the address, which changes when the user stops typing. */
function Search({ place }: { place: TasksPlace }) {
  const { search = '' } = place;
  const [text, setText] = useState(search);
  const settled = useDebounced(text.trim());
  // The address may change by other means, such as the back button.
  useEffect(() => setText((old) => (old.trim() === search ? old : search)), [search]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what the user types changes the address.
  useEffect(() => {
    if (settled === search || settled !== text.trim()) return;
    const { search: _, ...others } = place;
    location.replace(hashOf({ ...others, ...(settled && { search: settled }) }));
  }, [settled]);
  return (
    <input
      type="search"
      class="search"
      aria-label="Search tasks"
      placeholder="Search title, prompt, repository, machine"
      autocomplete="off"
      spellcheck={false}
      maxLength={200}
      value={text}
      onInput={(event) => setText(event.currentTarget.value)}
    />
  );
}

function Filter({ place, counts }: { place: TasksPlace; counts: Record<string, number> | undefined }) {
  const { state, search } = place;
  const all = counts && Object.values(counts).reduce((sum, count) => sum + count, 0);
  const link = (name: string, to: string | undefined, count: number | undefined) => (
    <li key={name}>
      <a
        href={hashOf({ view: 'tasks', ...(to && { state: to }), ...(search && { search }) })}
        aria-current={to === state ? 'true' : undefined}
      >
        {name} <span class="quiet">{count ?? ''}</span>
      </a>
    </li>
  );
  return (
    <nav aria-label="Tasks by state">
      <ul class="filter">
        {link('All', undefined, all)}
        {states.map((name) => link(name, name, counts && (counts[name] ?? 0)))}
      </ul>
    </nav>
  );
}

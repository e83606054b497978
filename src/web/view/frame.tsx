import { useLayoutEffect, useState } from 'preact/hooks';
import { hashOf, type Place } from '../place.ts';
import { EnvironmentView, NewEnvironmentView } from './environment.tsx';
import { EnvironmentsView } from './environments.tsx';
import { useAction, useApi, usePlace } from './hooks.ts';
import { NewTaskView } from './new-task.tsx';
import { OverviewView } from './overview.tsx';
import { ErrorNote, Heading } from './parts.tsx';
import { RunnerView } from './runner.tsx';
import { TaskView } from './task.tsx';
import { TasksView } from './tasks.tsx';

/** The navigation, and the status of the connection, around every view. */
export function Frame({ onSignOut }: { onSignOut: () => void }) {
  const place = usePlace();
  return (
    <>
      <button type="button" class="skip" onClick={skipToContent}>
        Skip to content
      </button>
      <Navigation place={place} onSignOut={onSignOut} />
      <ConnectionNote />
      <main id="content" tabIndex={-1}>
        <View key={place.view} place={place} />
      </main>
    </>
  );
}

function View({ place }: { place: Place }) {
  switch (place.view) {
    case 'overview':
      return <OverviewView />;
    case 'tasks':
      return <TasksView {...place} />;
    case 'task':
      return <TaskView key={place.taskId} taskId={place.taskId} />;
    case 'runner':
      return <RunnerView key={place.runnerId} runnerId={place.runnerId} />;
    case 'newTask':
      return <NewTaskView {...place} />;
    case 'environments':
      return <EnvironmentsView />;
    case 'environment':
      return <EnvironmentView key={place.environmentId} environmentId={place.environmentId} />;
    case 'newEnvironment':
      return <NewEnvironmentView />;
    case 'unknown':
      return (
        <>
          <Heading title="Page not found" />
          <p>
            <a href={hashOf({ view: 'overview' })}>Overview</a>
          </p>
        </>
      );
  }
}

function Navigation({ place, onSignOut }: { place: Place; onSignOut: () => void }) {
  const api = useApi();
  const { run, error } = useAction(async () => {
    await api.call('DELETE', 'page/session');
    onSignOut();
  });
  const link = (to: 'overview' | 'tasks' | 'environments' | 'newTask', text: string) => (
    <li>
      <a href={hashOf({ view: to })} aria-current={place.view === to ? 'page' : undefined}>
        {text}
      </a>
    </li>
  );
  return (
    <header class="top">
      <nav aria-label="Main">
        <span class="brand">Plan42</span>
        <ul>
          {link('overview', 'Overview')}
          {link('tasks', 'Tasks')}
          {link('environments', 'Environments')}
          {link('newTask', 'Start a task')}
        </ul>
      </nav>
      <button type="button" class="link" onClick={run}>
        Sign out
      </button>
      <ErrorNote message={error} />
    </header>
  );
}

function ConnectionNote() {
  const api = useApi();
  const [isReachable, setReachable] = useState(api.isReachable);
  useLayoutEffect(() => {
    const update = () => setReachable(api.isReachable);
    api.addEventListener('change', update);
    return () => api.removeEventListener('change', update);
  }, [api]);
  return (
    <div role="status" class="connection">
      {isReachable ? null : <p class="note attention">The server is not responding. Reconnecting …</p>}
    </div>
  );
}

// A button, not a link, because the address behind "#" is the current view.
function skipToContent(): void {
  document.querySelector<HTMLElement>('#content')?.focus();
}

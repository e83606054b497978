import type { Task, Turn } from '../../plan42/objects.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import { shownLink } from '../shown-text.ts';
import { AddTurn } from './add-turn.tsx';
import { CancelTurn } from './cancel-turn.tsx';
import { DeleteTask } from './delete-task.tsx';
import { useApi, usePoll } from './hooks.ts';
import { Heading, Loading, State, Time } from './parts.tsx';
import { TurnCard } from './turn-card.tsx';

interface TaskDocument {
  task: Task;
  turns: Turn[];
}

const maxTurns = 500;

export function TaskView({ taskId }: { taskId: string }) {
  const api = useApi();
  const path = `${api.tenantPath}/tasks/${encodeURIComponent(taskId)}`;
  const { value, error, refresh } = usePoll<TaskDocument>(path, async (signal) => {
    const [task, { Turns }] = await Promise.all([
      api.call<Task>('GET', path, { signal }),
      api.call<{ Turns: Turn[] }>('GET', `${path}/turns?maxResults=${maxTurns}`, { signal }),
    ]);
    return { task, turns: Turns };
  });
  if (!value) {
    return (
      <>
        <Heading title="Task" />
        <Loading error={error} />
      </>
    );
  }
  const { task, turns } = value;
  const last = turns.at(-1);
  const isOver = isTerminalStatus(last?.Status);
  return (
    <>
      <Heading title={task.Title}>
        {last && !isOver ? <CancelTurn turn={last} path={`${path}/turns/${last.TurnIndex}`} onDone={refresh} /> : null}
        {isOver ? <DeleteTask task={task} path={path} /> : null}
      </Heading>
      <TaskFacts task={task} />
      <p class="hidden" role="status">
        {last ? `Turn ${last.TurnIndex}: ${last.Status}` : null}
      </p>
      {turns.map((turn) => (
        <TurnCard
          key={turn.TurnIndex}
          turn={turn}
          turnPath={`${path}/turns/${turn.TurnIndex}`}
          isLast={turn === last}
        />
      ))}
      {last && isOver ? <AddTurn task={task} last={last} path={path} onDone={refresh} /> : null}
    </>
  );
}

function TaskFacts({ task }: { task: Task }) {
  const repos = Object.entries(task.RepoInfo ?? {});
  return (
    <dl class="facts">
      <dt>State</dt>
      <dd>
        <State name={task.State} />
      </dd>
      <dt>Started</dt>
      <dd>
        <Time at={task.CreatedAt} />
      </dd>
      <dt>ID</dt>
      <dd>
        <code>{task.TaskId}</code>
      </dd>
      {task.Model ? (
        <>
          <dt>Model</dt>
          <dd>{task.Model}</dd>
        </>
      ) : null}
      {repos.length > 0 ? (
        <>
          <dt>Repositories</dt>
          <dd>
            <ul class="plain">
              {repos.map(([name, info]) => (
                <li key={name}>
                  {name} <PullRequest info={info} />
                </li>
              ))}
            </ul>
          </dd>
        </>
      ) : null}
    </dl>
  );
}

function PullRequest({ info }: { info: NonNullable<Task['RepoInfo']>[string] }) {
  const { PRLink, PRNumber, PRStatus, TargetBranch } = info;
  if (!PRLink && !PRNumber) return <span class="quiet">to {TargetBranch || 'its default branch'}</span>;
  const name = PRNumber ? `pull request ${PRNumber}` : 'pull request';
  const link = shownLink(PRLink);
  return (
    <>
      {link?.href ? (
        <a href={link.href} rel="noreferrer noopener" target="_blank">
          {name}
        </a>
      ) : (
        name
      )}
      {link ? <span class="quiet"> on {link.host}</span> : null}
      {PRStatus ? <span class="quiet"> {PRStatus}</span> : null}
    </>
  );
}

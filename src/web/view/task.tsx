import type { Task } from '../../plan42/objects.ts';
import type { TaskDocument } from '../../plan42/page-objects.ts';
import { describeUsage } from '../../plan42/provider-usage.ts';
import { isTerminalStatus, taskWord, turnWord } from '../../plan42/turn-status.ts';
import { hashOf } from '../place.ts';
import { branchUrl } from '../repo-links.ts';
import { shownLink } from '../shown-text.ts';
import { AddTurn } from './add-turn.tsx';
import { CancelTurn } from './cancel-turn.tsx';
import { DeleteTask } from './delete-task.tsx';
import { ExternalLink } from './external-link.tsx';
import { useApi, usePoll } from './hooks.ts';
import { Heading, Loading, State, Time } from './parts.tsx';
import { TaskFiles } from './task-files.tsx';
import { TurnCard } from './turn-card.tsx';

export function TaskView({ taskId }: { taskId: string }) {
  const api = useApi();
  const path = `${api.tenantPath}/tasks/${encodeURIComponent(taskId)}`;
  const page = `page/tasks/${encodeURIComponent(taskId)}`;
  const { value, error, refresh } = usePoll<TaskDocument>(page, (signal) => api.call('GET', page, { signal }));
  if (!value) {
    return (
      <>
        <Heading title="Task" />
        <Loading error={error} />
      </>
    );
  }
  const { Task: task, Turns: turns, Environment: environment, Usage: usage, Files: files, Now: now } = value;
  const last = turns.at(-1);
  const isOver = isTerminalStatus(last?.Status);
  return (
    <>
      <Heading title={task.Title}>
        <div class="actions">
          <a class="button" href={hashOf({ view: 'newTask', from: taskId })}>
            Run again
          </a>
          {last && !isOver ? (
            <CancelTurn turn={last} path={`${path}/turns/${last.TurnIndex}`} onDone={refresh} />
          ) : null}
          {isOver ? <DeleteTask task={task} path={path} /> : null}
        </div>
      </Heading>
      <TaskFacts task={task} environment={environment} usage={usage} files={files} />
      <p class="hidden" role="status">
        {last ? `Turn ${last.TurnIndex}: ${turnWord(last, task)}` : null}
      </p>
      {turns.map((turn) => (
        <TurnCard
          key={turn.TurnIndex}
          turn={turn}
          task={task}
          turnPath={`${path}/turns/${turn.TurnIndex}`}
          isLast={turn === last}
          now={now}
          environment={environment}
          onChange={refresh}
        />
      ))}
      {last && isOver ? <AddTurn task={task} last={last} path={path} onDone={refresh} /> : null}
    </>
  );
}

interface TaskFactsProps {
  task: Task;
  environment: TaskDocument['Environment'];
  usage: TaskDocument['Usage'];
  files: TaskDocument['Files'];
}

function TaskFacts({ task, environment, usage, files }: TaskFactsProps) {
  const repos = Object.entries(task.RepoInfo ?? {});
  return (
    <dl class="facts">
      <dt>State</dt>
      <dd>
        <State name={taskWord(task)} />
      </dd>
      <dt>Started</dt>
      <dd>
        <Time at={task.CreatedAt} />
      </dd>
      {environment ? (
        <>
          <dt>Environment</dt>
          <dd>
            {environment.Deleted ? (
              `${environment.Name} (deleted)`
            ) : (
              <a href={hashOf({ view: 'environment', environmentId: environment.EnvironmentId })}>
                {environment.Name || environment.DockerImage || environment.EnvironmentId}
              </a>
            )}
          </dd>
        </>
      ) : null}
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
      {usage ? (
        <>
          <dt>Models</dt>
          <dd>{describeUsage(usage)}</dd>
        </>
      ) : null}
      {files ? (
        <>
          <dt>Files</dt>
          <dd>
            <TaskFiles files={files} />
          </dd>
        </>
      ) : null}
      {repos.length > 0 ? (
        <>
          <dt>Repositories</dt>
          <dd>
            <ul class="plain">
              {repos.map(([name, info]) => (
                <li key={name}>
                  {name} <Work repo={name} info={info} />
                </li>
              ))}
            </ul>
          </dd>
        </>
      ) : null}
    </dl>
  );
}

/** The branch and the pull request of a repository. */
function Work({ repo, info }: { repo: string; info: Task['RepoInfo'][string] }) {
  const { FeatureBranch, TargetBranch, PRLink, PRNumber, PRStatus } = info;
  const branch = FeatureBranch ? (
    <ExternalLink link={shownLink(branchUrl(repo, FeatureBranch, PRLink))} showHost={false}>
      <code>{FeatureBranch}</code>
    </ExternalLink>
  ) : null;
  const target = <span class="quiet">to {TargetBranch || 'its default branch'}</span>;
  if (!PRLink && !PRNumber) {
    return (
      <>
        {branch} {target}
      </>
    );
  }
  return (
    <>
      {branch} {target},{' '}
      <ExternalLink link={shownLink(PRLink)}>{PRNumber ? `pull request ${PRNumber}` : 'pull request'}</ExternalLink>
      {PRStatus ? <span class="quiet">, {PRStatus}</span> : null}
    </>
  );
}

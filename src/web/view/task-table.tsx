import type { TaskSummary } from '../../plan42/page-objects.ts';
import { hashOf } from '../place.ts';
import { State, Time } from './parts.tsx';

/** Tasks, one per row. On a narrow screen, the title's cell contains the values of the missing columns. */
export function TaskTable({
  tasks,
  none = 'There are no tasks yet.',
}: {
  tasks: readonly TaskSummary[];
  none?: string;
}) {
  if (tasks.length === 0) {
    return (
      <p class="quiet">
        {none} <a href={hashOf({ view: 'newTask' })}>Start a task</a>
      </p>
    );
  }
  return (
    <table class="tasks">
      <caption class="hidden">Tasks, the newest first</caption>
      <thead>
        <tr>
          <th scope="col">Task</th>
          <th scope="col">State</th>
          <th scope="col" class="number wide">
            Turn
          </th>
          <th scope="col" class="wide">
            Started
          </th>
        </tr>
      </thead>
      <tbody>
        {tasks.map((task) => (
          <TaskRow key={task.TaskId} task={task} />
        ))}
      </tbody>
    </table>
  );
}

function TaskRow({ task }: { task: TaskSummary }) {
  const { TaskId, Title, State: state, LastTurnIndex, LastTurnStatus, LastTurnMachine, CreatedAt } = task;
  // A runner has it, but its agent has not set a status yet.
  const status = state === 'Executing' && LastTurnStatus === 'Pending' ? 'Starting' : LastTurnStatus;
  const hasOwnStatus = status !== undefined && status !== state;
  return (
    <tr>
      <th scope="row">
        <a href={hashOf({ view: 'task', taskId: TaskId })}>{Title}</a>
        <span class="narrow quiet">
          Turn {LastTurnIndex ?? 0}, <Time at={CreatedAt} />
        </span>
      </th>
      <td>
        <State name={state} />
        {hasOwnStatus ? <span class="detail quiet">{status}</span> : null}
        {LastTurnMachine ? <span class="detail quiet">on {LastTurnMachine}</span> : null}
      </td>
      <td class="number wide">{LastTurnIndex ?? 0}</td>
      <td class="wide">
        <Time at={CreatedAt} />
      </td>
    </tr>
  );
}

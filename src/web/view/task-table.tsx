import type { TaskSummary } from '../../plan42/page-objects.ts';
import { isTerminalStatus, lastTurnWord, taskWord } from '../../plan42/turn-status.ts';
import { hashOf } from '../place.ts';
import { State, Time } from './parts.tsx';

/** Which tasks are selected. */
interface Selection {
  chosen: ReadonlySet<string>;
  onChange: (chosen: ReadonlySet<string>) => void;
}

export function isCancellable({ LastTurnStatus }: TaskSummary): boolean {
  return LastTurnStatus !== undefined && !isTerminalStatus(LastTurnStatus);
}

/** Tasks, one per row. On a narrow screen, the title's cell contains the values of the missing columns. */
export function TaskTable({
  tasks,
  none = 'There are no tasks yet.',
  selection,
}: {
  tasks: readonly TaskSummary[];
  none?: string;
  selection?: Selection;
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
          {selection ? <SelectAll tasks={tasks} {...selection} /> : null}
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
          <TaskRow key={task.TaskId} task={task} selection={selection} />
        ))}
      </tbody>
    </table>
  );
}

function SelectAll({ tasks, chosen, onChange }: Selection & { tasks: readonly TaskSummary[] }) {
  const ids = tasks.filter(isCancellable).map(({ TaskId }) => TaskId);
  const isAll = ids.length > 0 && ids.every((id) => chosen.has(id));
  return (
    <th scope="col" class="choice">
      <input
        type="checkbox"
        aria-label="Select all tasks that are not finished"
        disabled={ids.length === 0}
        checked={isAll}
        onChange={() => onChange(new Set(isAll ? [] : ids))}
      />
    </th>
  );
}

function Choice({ task, chosen, onChange }: Selection & { task: TaskSummary }) {
  const { TaskId, Title } = task;
  if (!isCancellable(task)) return <td class="choice" />;
  const toggle = (isChosen: boolean) => {
    const others = [...chosen].filter((id) => id !== TaskId);
    onChange(new Set(isChosen ? [...others, TaskId] : others));
  };
  return (
    <td class="choice">
      <input
        type="checkbox"
        aria-label={`Select ${Title}`}
        checked={chosen.has(TaskId)}
        onChange={(event) => toggle(event.currentTarget.checked)}
      />
    </td>
  );
}

function TaskRow({ task, selection }: { task: TaskSummary; selection: Selection | undefined }) {
  const { TaskId, Title, LastTurnIndex, LastTurnMachine, CreatedAt } = task;
  const state = taskWord(task);
  const status = lastTurnWord(task);
  const hasOwnStatus = status !== undefined && status !== state;
  return (
    <tr>
      {selection ? <Choice task={task} {...selection} /> : null}
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

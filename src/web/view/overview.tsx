import type { ComponentChildren } from 'preact';
import type { Overview, RunnerOverview, TaskPage, TurnSummary } from '../../plan42/page-objects.ts';
import { turnWord } from '../../plan42/turn-status.ts';
import { hashOf } from '../place.ts';
import { useApi, useOverview, usePoll } from './hooks.ts';
import { Elapsed, ErrorNote, Heading, Loading, State, Time } from './parts.tsx';
import { EndingTokens, RunnerState } from './runner-summary.tsx';
import { TaskTable } from './task-table.tsx';

const latestTasks = 8;

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
      {overview ? <Activity overview={overview} /> : <Loading error={error} />}
      <section aria-labelledby="tasks">
        <h2 id="tasks">Latest tasks</h2>
        {page ? <TaskTable tasks={page.Tasks} /> : <Loading error={tasksError} />}
        {page?.NextToken === undefined ? null : <a href={hashOf({ view: 'tasks' })}>All tasks</a>}
      </section>
    </>
  );
}

/** The agents: where they can run, which run, which wait, and which have failed today. */
function Activity({ overview }: { overview: Overview }) {
  const { Activity: activity, Runners, Now } = overview;
  const { Running, Waiting, Failed, Counts } = activity;
  const machines = Runners.flatMap(({ Machines }) => Machines);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const free = sum(machines.map(({ FreeSlots }) => FreeSlots));
  const all = sum(machines.map(({ MaxSlots }) => MaxSlots));
  return (
    <>
      <section class="card" aria-label="Summary">
        <dl class="figures">
          <Figure name="Running" value={Counts.Running} />
          <Figure name="Waiting" value={Counts.Waiting} />
          <Figure name="Free slots" value={machines.length === 0 ? '–' : `${free} of ${all}`} />
          <Figure name="Failed today" value={Counts.Failed} isBad={Counts.Failed > 0} />
        </dl>
      </section>
      <section aria-labelledby="runners">
        <h2 id="runners">Runners</h2>
        {Runners.map((runner) => (
          <EndingTokens key={runner.RunnerId} runner={runner} now={Now} />
        ))}
        {Runners.length === 0 ? <p class="quiet">There are no runners.</p> : <RunnerTable runners={Runners} />}
      </section>
      <Turns title="Running" turns={Running} count={Counts.Running} columns={['Status', 'Running for']}>
        {({ TurnIndex, Status, Machine, AcceptedAt, CreatedAt }) => [
          <Where key="status" status={runningWord(TurnIndex, Status)} machine={Machine} />,
          <Elapsed key="time" from={AcceptedAt ?? CreatedAt} now={Now} />,
        ]}
      </Turns>
      <Turns title="Waiting" turns={Waiting} count={Counts.Waiting} columns={['Status', 'Waiting for']}>
        {({ Status, Machine, CreatedAt }) => [
          <Where key="status" status={Status} machine={Machine} />,
          <Elapsed key="time" from={CreatedAt} now={Now} />,
        ]}
      </Turns>
      <Turns title="Failed today" turns={Failed} count={Counts.Failed} columns={['Error', 'Failed']}>
        {({ ErrorMessage, CompletedAt, CreatedAt }) => [
          <span key="error" class="bad clamped">
            {ErrorMessage ?? 'no reason given'}
          </span>,
          <Time key="time" at={CompletedAt ?? CreatedAt} />,
        ]}
      </Turns>
    </>
  );
}

function Figure({ name, value, isBad = false }: { name: string; value: number | string; isBad?: boolean }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class={isBad ? 'bad' : undefined}>{value}</dd>
    </div>
  );
}

function runningWord(TurnIndex: number, Status: string): string {
  return turnWord({ TurnIndex, Status }, { State: 'Executing', LastTurnIndex: TurnIndex });
}

function Where({ status, machine }: { status: string; machine: string | undefined }) {
  return (
    <>
      <State name={status} />
      {machine ? <span class="detail quiet">on {machine}</span> : null}
    </>
  );
}

/** A table of turns with two columns of its own. Nothing if there are no turns. */
function Turns(props: {
  title: string;
  turns: readonly TurnSummary[];
  count: number;
  columns: readonly [string, string];
  children: (turn: TurnSummary) => [ComponentChildren, ComponentChildren];
}) {
  const { title, turns, count, columns, children } = props;
  if (turns.length === 0) return null;
  const id = title.toLowerCase().replaceAll(' ', '-');
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <table class="tasks turns">
        <thead>
          <tr>
            <th scope="col">Task</th>
            <th scope="col">{columns[0]}</th>
            <th scope="col" class="number">
              {columns[1]}
            </th>
          </tr>
        </thead>
        <tbody>
          {turns.map((turn) => {
            const [first, second] = children(turn);
            return (
              <tr key={`${turn.TaskId}/${turn.TurnIndex}`}>
                <th scope="row">
                  <a href={hashOf({ view: 'task', taskId: turn.TaskId })}>{turn.Title}</a>
                  {turn.TurnIndex > 1 ? <span class="quiet"> turn {turn.TurnIndex}</span> : null}
                </th>
                <td>{first}</td>
                <td class="number">{second}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {turns.length < count ? (
        <p class="quiet">
          {turns.length} of {count} are shown.
        </p>
      ) : null}
    </section>
  );
}

function RunnerTable({ runners }: { runners: readonly RunnerOverview[] }) {
  return (
    <table class="tasks runners">
      <caption class="hidden">Runners and their machines</caption>
      <thead>
        <tr>
          <th scope="col">Runner</th>
          <th scope="col">State</th>
          <th scope="col">Machines</th>
        </tr>
      </thead>
      <tbody>
        {runners.map((runner) => (
          <tr key={runner.RunnerId}>
            <th scope="row">
              <a href={hashOf({ view: 'runner', runnerId: runner.RunnerId })}>{runner.Name}</a>
            </th>
            <td>
              <RunnerState runner={runner} />
            </td>
            <td>
              <Machines runner={runner} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Machines({ runner: { RunnerId, Machines: machines, Queues } }: { runner: RunnerOverview }) {
  if (machines.length === 0 && Queues.length === 0) {
    return <a href={hashOf({ view: 'runner', runnerId: RunnerId })}>Connect one</a>;
  }
  // Runners of other versions do not report their slots.
  if (machines.length === 0) return <span class="quiet">slots not reported</span>;
  return (
    <ul class="plain">
      {machines.map(({ Id, Name, FreeSlots, MaxSlots, LowDisk }) => (
        <li key={Id}>
          {Name} <Slots free={FreeSlots} max={MaxSlots} />
          {LowDisk ? <span class="attention"> low disk space</span> : null}
        </li>
      ))}
    </ul>
  );
}

const maxMarks = 16;

/** The slots as marks, filled if taken, and in words. */
function Slots({ free, max }: { free: number; max: number }) {
  const marks = Math.min(max, maxMarks);
  const taken = max === 0 ? 0 : Math.round(((max - free) / max) * marks);
  return (
    <>
      <span class="slots" aria-hidden="true">
        {Array.from({ length: marks }, (_, n) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: slots have no identity.
          <span key={n} class={n < taken ? 'taken' : undefined} />
        ))}
      </span>{' '}
      <span class="quiet">
        {free} of {max} free
      </span>
    </>
  );
}

import type { QueueOverview } from '../../plan42/page-objects.ts';
import { useNarrow } from './hooks.ts';
import { ShortId, State, Time } from './parts.tsx';
import { UtilisationPlot } from './utilisation-plot.tsx';

/** The queues of a runner. On a narrow screen, the plot is below the state and the last check is omitted. */
export function QueueTable({ queues, steps }: { queues: readonly QueueOverview[]; steps: number }) {
  const isNarrow = useNarrow();
  return (
    <table class="queues">
      <caption class="hidden">Queues</caption>
      <thead>
        <tr>
          <th scope="col">Queue</th>
          <th scope="col">State</th>
          {isNarrow ? null : <th scope="col">Last check</th>}
          <th scope="col" class="number">
            Outstanding
          </th>
          {isNarrow ? null : <th scope="col">Utilisation, last hour</th>}
        </tr>
      </thead>
      <tbody>
        {queues.map((queue) => (
          <QueueRow key={queue.QueueID} queue={queue} steps={steps} isNarrow={isNarrow} />
        ))}
      </tbody>
    </table>
  );
}

function QueueRow({ queue, steps, isNarrow }: { queue: QueueOverview; steps: number; isNarrow: boolean }) {
  const { QueueID, State: state, Waiting, Unanswered, Utilisation, States } = queue;
  const plot = (
    <UtilisationPlot
      size="small"
      label="Utilisation of the queue"
      samples={Utilisation}
      states={States}
      steps={steps}
    />
  );
  return (
    <tr>
      <th scope="row">
        <ShortId id={QueueID} />
      </th>
      <td>
        <State name={state} />
        {isNarrow ? plot : null}
      </td>
      {isNarrow ? null : (
        <td>
          <LastCheck queue={queue} />
        </td>
      )}
      <td class="number" title={`${Waiting} waiting to be fetched, ${Unanswered} fetched without a response yet`}>
        {Waiting + Unanswered}
      </td>
      {isNarrow ? null : <td class="plot-cell">{plot}</td>}
    </tr>
  );
}

function LastCheck({ queue: { LastHealthCheckAt, FailedHealthChecks } }: { queue: QueueOverview }) {
  if (LastHealthCheckAt === undefined) return <span class="quiet">none yet</span>;
  return (
    <>
      <Time at={LastHealthCheckAt} />
      {FailedHealthChecks > 0 ? <span class="bad"> {FailedHealthChecks} failed</span> : null}
    </>
  );
}

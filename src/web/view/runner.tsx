import { useOverview } from './hooks.ts';
import { Heading, Loading } from './parts.tsx';
import { QueueTable } from './queue-table.tsx';
import { RunnerState, RunnerSummary } from './runner-summary.tsx';
import { RunnerTokens } from './runner-tokens.tsx';

export function RunnerView({ runnerId }: { runnerId: string }) {
  const { value: overview, error } = useOverview();
  const runner = overview?.Runners.find(({ RunnerId }) => RunnerId === runnerId);
  if (!overview || !runner) {
    return (
      <>
        <Heading title="Runner" />
        {overview ? <p class="quiet">There is no such runner.</p> : <Loading error={error} />}
      </>
    );
  }
  return (
    <>
      <Heading title={runner.Name}>
        <RunnerState runner={runner} />
      </Heading>
      {runner.Description ? <p>{runner.Description}</p> : null}
      <section class="card" aria-label="Summary">
        <RunnerSummary runner={runner} overview={overview} />
      </section>
      <section class="card" aria-labelledby="queues">
        <h2 id="queues">Queues</h2>
        {runner.Queues.length === 0 ? (
          <p class="quiet">No runner is connected.</p>
        ) : (
          <QueueTable queues={runner.Queues} steps={overview.MaxSteps} />
        )}
      </section>
      <RunnerTokens runnerId={runnerId} serverUrl={overview.Url} now={overview.Now} />
    </>
  );
}

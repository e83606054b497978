import type { Overview, QueueOverview, RunnerOverview } from '../plan42/page-objects.ts';

/** Appends the samples of an incremental response to the known ones. */
export function mergeOverview(known: Overview | undefined, response: Overview): Overview {
  if (known === undefined || known.Epoch !== response.Epoch) return response;
  const { MaxSteps } = response;
  const knownRunners = new Map(known.Runners.map((runner) => [runner.RunnerId, runner]));
  const mergeQueue = (queue: QueueOverview, before: QueueOverview | undefined): QueueOverview => ({
    ...queue,
    Utilisation: [...(before?.Utilisation ?? []), ...queue.Utilisation].slice(-MaxSteps),
    States: ((before?.States ?? '') + queue.States).slice(-MaxSteps),
  });
  const mergeRunner = (runner: RunnerOverview): RunnerOverview => {
    const before = knownRunners.get(runner.RunnerId);
    const knownQueues = new Map(before?.Queues.map((queue) => [queue.QueueID, queue]));
    return {
      ...runner,
      Queues: runner.Queues.map((queue) => mergeQueue(queue, knownQueues.get(queue.QueueID))),
      Utilisation: [...(before?.Utilisation ?? []), ...runner.Utilisation].slice(-MaxSteps),
    };
  };
  return { ...response, Runners: response.Runners.map(mergeRunner) };
}

export interface SeriesSummary {
  now: number | undefined;
  mean: number;
  highest: number;
}

/** Returns undefined if there are no samples. */
export function summarise(samples: readonly (number | null)[]): SeriesSummary | undefined {
  const known = samples.filter((sample) => sample !== null);
  if (known.length === 0) return undefined;
  const sum = known.reduce((total, sample) => total + sample, 0);
  return { now: samples.at(-1) ?? undefined, mean: Math.round(sum / known.length), highest: Math.max(...known) };
}

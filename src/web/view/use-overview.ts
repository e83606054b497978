import type { Overview } from '../../plan42/page-objects.ts';
import { mergeOverview } from '../series.ts';
import { type Polled, useApi, usePoll } from './hooks.ts';

/** Polls runners and queues, with an hour of samples. Each call only requests new samples. */
export function useOverview(): Polled<Overview> {
  const api = useApi();
  return usePoll<Overview>('overview', async (signal, known) => {
    const query = known ? `?epoch=${known.Epoch}&since=${known.Step}` : '';
    return mergeOverview(known, await api.call<Overview>('GET', `page/overview${query}`, { signal }));
  });
}

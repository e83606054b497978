import { surveyRuntimes } from '../../runtimes/survey.ts';
import type { Event } from '../state/state.ts';
import { currentConfig, type EffectContext } from './context.ts';

/** One event per runtime, as soon as its status is known. */
export function surveyEvents(context: EffectContext, signal: AbortSignal): Promise<Event>[] {
  const statuses = surveyRuntimes({ config: currentConfig(context), env: context.env, signal });
  return statuses.map(async (status): Promise<Event> => ({ type: 'runtime', status: await status }));
}

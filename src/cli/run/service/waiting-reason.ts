/** Why the user's own runner starts no turn. */
import { ControlError, createControlClient } from '../../../control/client.ts';
import type { RunnerStatus } from '../../../control/messages.ts';
import { shellQuote } from '../../../lib/shell-quote.ts';
import type { CliContext } from '../../context.ts';
import type { LocationOptions } from '../../server/location.ts';
import { runFolder } from './run-folder.ts';

/**
 * Asks the user's own runner why it starts no turn, and returns that with a remedy. Undefined if it accepts jobs, and for the
 * runners of other servers.
 */
export async function waitingReason(
  context: CliContext,
  { personal, server, data }: LocationOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (personal !== true || server !== undefined || data !== undefined) return undefined;
  const { runner, runnerConfig, log } = runFolder(context);
  try {
    return describeWait(await createControlClient(runner).status(signal), runnerConfig);
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    const state = error.failure === 'absent' ? 'is not running' : 'is not responding';
    return `The runner ${state}. See ${shellQuote(log)}.`;
  }
}

/** @param config the file with the user's settings of the runner */
export function describeWait(
  { phase, troubles, jobs }: Pick<RunnerStatus, 'phase' | 'troubles' | 'jobs'>,
  config: string,
): string | undefined {
  const [trouble] = troubles;
  if (trouble?.kind === 'disk') {
    const setting = trouble.message.includes('jobs.min_free_gib') ? `, or set jobs.min_free_gib in ${config}` : '';
    return `The runner accepts no jobs: ${trouble.message}. Free disk space${setting}.`;
  }
  if (trouble !== undefined) return `The runner accepts no jobs: ${trouble.message}.`;
  const taken = jobs.running + jobs.starting + jobs.ending;
  if (taken >= jobs.max) {
    return `The runner has no free slot: it runs ${taken} jobs of at most ${jobs.max}. Wait, or set jobs.max_jobs in ${config}.`;
  }
  return phase === 'starting' || phase === 'draining' ? `The runner is ${phase}.` : undefined;
}

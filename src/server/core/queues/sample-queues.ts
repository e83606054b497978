import { isAbort } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { sleep } from '../../../lib/sleep.ts';
import type { Timing } from '../timing.ts';
import type { QueueHistory } from './queue-history.ts';

interface SampleParts {
  history: QueueHistory;
  timing: Timing;
  logger: Logger;
  /** Ends it. */
  signal: AbortSignal;
}

/** Samples how busy the queues are, step by step. Never rejects. */
export async function sampleQueues({ history, timing, logger, signal }: SampleParts): Promise<void> {
  try {
    for (;;) {
      await sleep(timing.historyStepMs, signal);
      history.sample();
    }
  } catch (error) {
    if (!isAbort(error, signal)) logger.error('the sampling of the queues ended', { error });
  }
}

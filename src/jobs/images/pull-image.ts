import type { Config } from '../../config/schema.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { retry } from '../../lib/retry.ts';
import type { Image, ImageStore, PullResult, Runtime } from '../../runtimes/runtime.ts';
import type { JobRecord } from '../record.ts';
import type { JobStore } from '../store.ts';
import { isPin, pinName } from './image-pin.ts';
import type { Pull } from './image-usage.ts';

const engineBackoff = { minMs: 500, maxMs: 5000 };
const maxEngineDownMs = 2 * 60_000;

interface PullContext {
  config: Config;
  store: JobStore;
  runtime: Runtime;
  logger: Logger;
}

/**
 * Pulls the image of a job, and records which image was added and which the job uses. The caller disposes of the result to
 * complete these records once nothing waits for them. A failure to record does not fail the job.
 * @throws RuntimeError
 */
export async function pullImage(
  record: Pick<JobRecord, 'jobId' | 'image' | 'instanceId'>,
  context: PullContext,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const { store, runtime, logger } = context;
  await using notes = new AsyncDisposableStack();
  const { images } = runtime;
  const attempt = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (!signal.aborted) logger.warn('cannot record use of image', { image: record.image, error });
    }
  };
  const use = { runtime: runtime.name, jobId: record.jobId, reference: record.image };
  let pull: Pull | undefined;
  let known: Image | undefined;
  // Whether the image is here, and whether it is unknown if a pull added it.
  let isRecordable = false;
  let isUnknown = false;
  const beginPull = async () => {
    if (images === undefined || pull !== undefined) return;
    await attempt(async () => {
      pull = await store.images.beginPull({ ...use, present: await images.listIds(signal) });
    });
    isUnknown = pull === undefined;
    signal.throwIfAborted();
  };
  notes.defer(async () => {
    if (images === undefined || !(isRecordable || pull)) return;
    await attempt(async () => {
      pull ??= (await store.images.findPull(record.jobId)) ?? use;
      await completePull(pull, images, store, record.instanceId, known);
    });
  });
  signal.throwIfAborted();
  const { localOnly, image } = await pullWhenReady(record.image, context, signal, beginPull);
  [known, isRecordable] = [image, !isUnknown];
  if (localOnly !== undefined) logger.info('using local image', { image: record.image, reason: localOnly });
  return notes.move();
}

/** Waits while an engine is down for a short time, for example during its upgrade. */
async function pullWhenReady(
  image: string,
  { config, runtime, logger }: PullContext,
  signal: AbortSignal,
  beforePull: () => Promise<void>,
): Promise<PullResult> {
  let reason: string | undefined;
  return retry(() => runtime.pull(image, config.images.pullPolicy, signal, beforePull), {
    backoff: engineBackoff,
    deadline: systemClock.now() + maxEngineDownMs,
    signal,
    shouldRetry: async () => {
      const readiness = await runtime.checkReady(signal);
      reason = readiness.ready ? undefined : readiness.reason;
      return !readiness.ready;
    },
    onRetry: (_error, attempt) => {
      if (attempt === 1) logger.warn('runtime not ready, waiting', { reason });
    },
  });
}

/**
 * Records the image that the pull added, whether or not the pull succeeded, and that it is used.
 * @param known the image, if nothing has to be asked for it
 */
export async function completePull(
  pull: Pull,
  images: ImageStore,
  store: JobStore,
  instanceId: string,
  known?: Image,
): Promise<void> {
  const image = known ?? (await images.find(pull.reference));
  if (image !== undefined) {
    const isNew = pull.present !== undefined && !pull.present.includes(image.id);
    const { pulled } = await store.images.noteUse(pull.runtime, image.id, pull.reference, isNew);
    const pin = pinName(instanceId, image.id);
    if (!image.names.includes(pin) && (pulled || image.names.some(isPin))) await images.addName(image.id, pin);
  }
  await store.images.endPull(pull);
}

/** Starts the pods of `doctor`, from the images of jobs. */
import type { Config } from '../config/schema.ts';
import { serverOnlyPolicy } from '../jobs/egress/server-only.ts';
import { JobStore } from '../jobs/store.ts';
import type { PodCheckResult } from '../runtimes/check/pod-check.ts';
import { isImageAllowed } from '../runtimes/image-policy.ts';
import type { AgentAddress, Runtime } from '../runtimes/runtime.ts';
import type { CheckContext } from './check.ts';
import { existingParent } from './folders.ts';

const maxImages = 3;
/** So many records are read to find images. */
const maxRecords = 100;

export interface TriedPods {
  runtime: Runtime;
  pods: PodCheckResult;
  /** Those that were to be tried. */
  images: readonly string[];
  /** How agents reach the server. */
  address: AgentAddress | undefined;
}

/** @throws UserError, or an error of the cluster or of the network */
export async function tryPods(runtime: Runtime, config: Config, context: CheckContext): Promise<TriedPods> {
  const { url } = config.runner;
  const { diskGib } = config.limits;
  const [images, address, folder] = await Promise.all([
    context.image === undefined ? findImages(config, context) : [context.image],
    runtime.findAgentAddress?.(url),
    existingParent(context.paths.stateDir),
  ]);
  const diskBytes = diskGib === undefined ? undefined : Math.round(diskGib * 2 ** 30);
  const policy = (jobId: string) => serverOnlyPolicy(jobId, config, context.env);
  const pods = await runtime.checkPods?.({
    ...{ images, serverUrl: url, diskBytes, folder, signal: context.signal },
    ...(config.egress.mode !== 'off' && { policy }),
  });
  if (pods === undefined) throw new Error(`the runtime ${runtime.name} has no pods`);
  return { runtime, pods, images, address };
}

/** Images of the newest jobs, then those that the configuration names. */
async function findImages({ images: { allowed } }: Config, { paths }: CheckContext): Promise<string[]> {
  const store = JobStore.at(paths.stateDir, paths.logDir);
  const [active, finished] = await Promise.all([
    readAll(await store.listActive(), (jobId) => store.readActive(jobId)),
    readAll(await store.listFinished(), (jobId) => store.readFinished(jobId)),
  ]);
  const recent = [...active, ...finished]
    .filter(({ runtime, image }) => runtime === 'kubernetes' && isImageAllowed(image, allowed))
    .toSorted((a, b) => (a.acceptedAt < b.acceptedAt ? 1 : -1))
    .map(({ image }) => image);
  const named = allowed.filter((pattern) => !/[*?]/.test(pattern));
  return [...new Set([...recent, ...named])].slice(0, maxImages);
}

async function readAll<Read>(jobIds: readonly string[], read: (jobId: string) => Promise<Read>): Promise<Read[]> {
  const records = await Promise.all(jobIds.slice(0, maxRecords).map((jobId) => read(jobId).catch(() => undefined)));
  return records.filter((record) => record !== undefined);
}

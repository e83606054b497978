/** The Job of a task, as far as it is known without a task: to check the pod template of the configuration. */
import type { V1Job } from '@kubernetes/client-node';
import type { Config } from '../../config/schema.ts';
import { checkJobPrefix } from '../check/names.ts';
import type { HeldLimits } from '../runtime.ts';
import { buildJob } from './manifest/job.ts';
import { objectName } from './manifest/names.ts';
import type { Opening } from './manifest/openings.ts';
import { planSecrets } from './manifest/secrets.ts';
import { applyTemplate, type PodTemplate, readTemplate } from './pod-template.ts';
import { ownArchitecture } from './start-job.ts';

export interface SampleJob {
  manifest: V1Job;
  template: PodTemplate | undefined;
  /** The fields of the template that open something. */
  openings: readonly Opening[];
}

/** Its Secrets are named and not created. */
const sampleProgram = new Uint8Array(1);
const none = new Uint8Array();

interface SampleOptions {
  instanceId: string;
  /** Default: one that the configuration allows. */
  image?: string;
  limits?: HeldLimits;
}

/** @throws UserError if no job can start with this template */
export async function buildSampleJob(
  settings: Pick<Config, 'jobs' | 'kubernetes' | 'images'>,
  { instanceId, image, limits }: SampleOptions,
): Promise<SampleJob> {
  const { jobs, kubernetes, images } = settings;
  const jobId = `${checkJobPrefix}sample`;
  const name = objectName(instanceId, jobId);
  const variables = Object.fromEntries(jobs.env.map((variable) => [variable.name, '']));
  const manifest = buildJob(
    {
      ...{ jobId, name, pullPolicy: 'IfNotPresent', args: [], variables: {}, isWalled: false },
      limits,
      image: image ?? findSampleImage(images.allowed) ?? kubernetes.helperImage ?? 'plan42-sample',
      secrets: planSecrets(name, { startProgram: sampleProgram, request: none, files: {}, variables }),
      architecture: kubernetes.architecture ?? ownArchitecture(),
    },
    { jobs, kubernetes, instanceId },
  );
  const template = await readTemplate(kubernetes.podTemplate);
  return { manifest, template, openings: applyTemplate(manifest, template) };
}

/** Policies of a cluster can depend on the name of the image. No node pulls this one. */
function findSampleImage(allowed: readonly string[]): string | undefined {
  const exact = allowed.find((pattern) => !/[*?]/.test(pattern));
  const repository = allowed.find((pattern) => pattern.endsWith('/*') && !/[*?]/.test(pattern.slice(0, -1)));
  return exact ?? repository?.replace('*', 'sample');
}

/** Finds settings of jobs that a cluster cannot apply, and those that take protection away. */
import { type Config, tables } from '../../config/schema.ts';
import type { RuntimeWarning } from '../runtime.ts';
import type { Opening } from './manifest/openings.ts';
import { mayHaveWall } from './walled/check-wall.ts';

export function findWarnings(
  settings: Pick<Config, 'jobs' | 'kubernetes' | 'egress'>,
  openings: readonly Opening[],
): RuntimeWarning[] {
  const { jobs, kubernetes } = settings;
  const hasWall = mayHaveWall(settings);
  const shown = openings.filter(({ isForWallOnly }) => hasWall || isForWallOnly === undefined);
  return [
    ...(jobs.pids === tables.jobs.pids.default ? [] : [pids]),
    ...shown.map(({ field, opens, breaksWall }) => ({
      reason: `kubernetes.pod_template sets ${field}: ${opens}${hasWall && breaksWall ? '. Jobs whose network is limited are refused with it' : ''}`,
      remedy: `Remove it from ${kubernetes.podTemplate} if agents do not need it.`,
    })),
  ];
}

const pids: RuntimeWarning = {
  reason: 'jobs.pids is not applied: the kubelet of each node limits processes',
  remedy: 'Set podPidsLimit of the kubelets, and remove jobs.pids.',
};

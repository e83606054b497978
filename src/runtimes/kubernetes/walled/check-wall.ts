/** Refuses settings with which a wall in a cluster cannot stand, or would have a hole. The program `init` checks the result. */
import type { V1PodTemplateSpec } from '@kubernetes/client-node';
import type { Config } from '../../../config/schema.ts';
import { UserError } from '../../../lib/errors.ts';
import { checkWallSettings } from '../../../wall/wall.ts';

/** Returns the image of gateways. @throws UserError */
export async function checkWall({ jobs, kubernetes }: Pick<Config, 'jobs' | 'kubernetes'>): Promise<string> {
  const { helperImage } = kubernetes;
  if (helperImage === undefined)
    refuse(
      'kubernetes.helper_image is not set',
      'Set it to the image of the runner, which gateways run, or set egress.mode = "off".',
    );
  await checkWallSettings({ jobs, mounts: [], isRemote: false, engine: 'kubernetes', platform: 'linux' });
  return helperImage;
}

/** @throws UserError if the template gives the pod a way out */
export function checkWallTemplate({ spec }: V1PodTemplateSpec): void {
  const open = (['hostNetwork', 'hostPID', 'hostIPC'] as const).find((name) => spec?.[name] === true);
  if (open !== undefined)
    refuse(`kubernetes.pod_template sets ${open}`, `Remove ${open} from it, or set egress.mode = "off".`);
}

/** Whether jobs may need a wall, as far as the configuration says. */
export function mayHaveWall({ kubernetes, egress }: Pick<Config, 'kubernetes' | 'egress'>): boolean {
  return kubernetes.helperImage !== undefined && egress.mode !== 'off';
}

function refuse(why: string, remedy: string): never {
  throw new UserError(`cannot limit the network of the job: ${why}`, { remedy });
}

/** Refuses settings with which a wall in a cluster cannot stand, or would have a hole. The program `init` checks the result. */
import type { Config } from '../../../config/schema.ts';
import { UserError } from '../../../lib/errors.ts';
import { checkWallSettings } from '../../../wall/wall.ts';
import type { Opening } from '../manifest/openings.ts';

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
export function checkWallTemplate(openings: readonly Opening[]): void {
  const open = openings.find(({ breaksWall }) => breaksWall);
  if (open !== undefined)
    refuse(
      `kubernetes.pod_template sets ${open.field}: ${open.opens}`,
      'Remove that from the file, or set egress.mode = "off".',
    );
}

/** Whether jobs may need a wall, as far as the configuration says. */
export function mayHaveWall({ kubernetes, egress }: Pick<Config, 'kubernetes' | 'egress'>): boolean {
  return kubernetes.helperImage !== undefined && egress.mode !== 'off';
}

function refuse(why: string, remedy: string): never {
  throw new UserError(`cannot limit the network of the job: ${why}`, { remedy });
}

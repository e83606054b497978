/** Mounts and variables of the configuration, as options of `run`. */
import type { Mount } from '../../config/mounts.ts';
import type { Config, RuntimeName } from '../../config/schema.ts';
import { UserError } from '../../lib/errors.ts';
import { checkMounts, type MountGuard } from '../mounts.ts';
import type { StartOptions } from '../runtime.ts';
import { valuesOf, writeVariables } from '../variables.ts';

export interface EngineSettings {
  settings: Pick<Config['jobs'], 'mounts' | 'env'>;
  guard: MountGuard;
  engine: RuntimeName;
  /** Whether the engine is on another machine, which does not have the files. */
  isRemote: () => Promise<boolean>;
}

export interface GivenToAgent {
  mounts: Mount[];
  values: Record<string, string>;
}

/** @throws UserError if agents cannot get what the settings say */
export async function checkGiven({ settings, guard, isRemote }: EngineSettings): Promise<GivenToAgent> {
  const values = valuesOf(settings.env, guard.env);
  const mounts = await checkMounts(settings.mounts, guard);
  // On macOS engines run in a virtual machine, which shares folders with this machine.
  if (mounts.length > 0 && process.platform !== 'darwin' && (await isRemote())) {
    throw new UserError(`cannot mount ${mounts[0]?.source}: the engine is on another machine`, {
      remedy: 'Remove jobs.mounts, or use an engine on this machine.',
    });
  }
  return { mounts, values };
}

/** The options of `run` that give it to the agent of a job. @throws UserError */
export async function givenOptions(job: StartOptions, settings: EngineSettings): Promise<string[]> {
  const { mounts, values } = await checkGiven(settings);
  const all = [...mounts, ...(await ownMounts(job, settings))].flatMap((mount) => mountOption(mount, settings.engine));
  if (Object.keys(values).length === 0) return all;
  const { hide = (value: string) => value } = job.broker ?? {};
  const shown = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, hide(value)]));
  return [...all, '--env-file', await writeVariables(job, shown)];
}

/** Those of the runner. A job can do without them, so an engine on another machine does not have them. */
async function ownMounts({ mounts = [] }: StartOptions, { isRemote }: EngineSettings): Promise<readonly Mount[]> {
  return mounts.length > 0 && process.platform !== 'darwin' && (await isRemote()) ? [] : mounts;
}

// Unlike --mount, --volume can relabel, but makes a folder of a missing source with docker.
export function mountOption(mount: Mount, engine: EngineSettings['engine']): string[] {
  const { source, target, isReadOnly, relabel } = mount;
  if (relabel && engine !== 'apple' && !source.includes(':'))
    return ['--volume', `${source}:${target}:${isReadOnly ? 'ro' : 'rw'},z`];
  return ['--mount', `type=bind,source=${source},target=${target}${isReadOnly ? ',readonly' : ''}`];
}

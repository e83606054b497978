/** The wall around a job's network, as options of `run`. */
import type { Mount } from '../../config/mounts.ts';
import type { Config } from '../../config/schema.ts';
import { proxyVariables } from '../../gateway/proxy-variables.ts';
import { trimEnd } from '../../lib/trim-end.ts';
import { checkWallSettings, proxyPort, raiseWall, saveMounts, type Wall, wallFolder } from '../../wall/wall.ts';
import { gatewayEnvironment } from '../environment.ts';
import type { StartOptions } from '../runtime.ts';
import { variableOptions } from './authorities.ts';
import { checkGiven, type EngineSettings, mountOption } from './given.ts';

export interface RaisedWall {
  wall: Wall;
  options: readonly string[];
}

/**
 * Saves the mounts of a job that has a policy, which are watched while it runs.
 * @throws UserError if the settings leave a way around its wall
 */
export async function checkWallFor(job: StartOptions, limits: Config['jobs'], settings: EngineSettings): Promise<void> {
  if (job.egress === undefined) return;
  const mounts = await checkWallSettingsOf(limits, settings);
  await saveMounts(
    job,
    mounts.map(({ source }) => source),
  );
}

/** Returns the mounts of every job. @throws UserError as {@link checkWallFor} */
export async function checkWallSettingsOf(limits: Config['jobs'], settings: EngineSettings): Promise<readonly Mount[]> {
  const [{ mounts }, isRemote] = await Promise.all([checkGiven(settings), settings.isRemote()]);
  await checkWallSettings({ jobs: limits, mounts, isRemote, engine: settings.engine });
  return mounts;
}

/** Raises the wall of a job that has a policy, whose settings {@link checkWallFor} has checked. @throws UserError */
export async function raiseWallFor(job: StartOptions, settings: EngineSettings): Promise<RaisedWall | undefined> {
  if (job.egress === undefined) return undefined;
  const wall = await raiseWall(job, job.egress, {
    env: gatewayEnvironment(settings.guard.env),
    secrets: job.broker?.values,
  });
  const mount = { source: wall.source, target: wallFolder, isReadOnly: true, relabel: true };
  return {
    wall,
    options: ['--network=none', ...mountOption(mount, settings.engine), ...variableOptions(wallVariables(job))],
  };
}

/** The variables that the wall sets; none for a job without one. */
export function wallVariables(job: StartOptions): Record<string, string> {
  return job.egress === undefined ? {} : { ...proxyVariables(proxyPort), ...serverVariable(job) };
}

/** A server on this machine's loopback has a name of its own in the container. */
function serverVariable({ egress, serverUrl }: StartOptions): Record<string, string> {
  if (serverUrl === undefined || egress?.server?.connectTo === undefined) return {};
  const url = new URL(serverUrl);
  url.hostname = egress.server.host;
  return { PLAN42_URL: trimEnd(url.href, '/') };
}

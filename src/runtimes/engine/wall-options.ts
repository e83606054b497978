/** The wall around a job's network, as options of `run`. */
import type { Config } from '../../config/schema.ts';
import { proxyVariables } from '../../gateway/proxy-variables.ts';
import { trimEnd } from '../../lib/trim-end.ts';
import { checkWallSettings, proxyPort, raiseWall, saveMounts, type Wall, wallFolder } from '../../wall/wall.ts';
import { agentEnvironment } from '../environment.ts';
import type { StartOptions } from '../runtime.ts';
import { variableOptions } from './authorities.ts';
import { checkGiven, type EngineSettings, mountOption } from './given.ts';

export interface RaisedWall {
  wall: Wall;
  options: readonly string[];
  /** The names of the variables that it sets. */
  variables: readonly string[];
}

/**
 * Raises the wall of a job that has a policy, once the settings are known to leave no way around it.
 * @throws UserError
 */
export async function raiseWallFor(
  job: StartOptions,
  limits: Config['jobs'],
  settings: EngineSettings,
): Promise<RaisedWall | undefined> {
  if (job.egress === undefined) return undefined;
  const { mounts } = await checkGiven(settings);
  await checkWallSettings({ jobs: limits, mounts, isRemote: await settings.isRemote(), engine: settings.engine });
  await saveMounts(
    job,
    mounts.map(({ source }) => source),
  );
  const wall = await raiseWall(job, job.egress, agentEnvironment(settings.guard.env));
  const mount = { source: wall.source, target: wallFolder, isReadOnly: true, relabel: true };
  const variables = { ...proxyVariables(proxyPort), ...serverVariable(job) };
  return {
    wall,
    options: ['--network=none', ...mountOption(mount, settings.engine), ...variableOptions(variables)],
    variables: Object.keys(variables),
  };
}

/** A server on this machine's loopback has a name of its own in the container. */
function serverVariable({ egress, serverUrl }: StartOptions): Record<string, string> {
  if (serverUrl === undefined || egress?.server?.connectTo === undefined) return {};
  const url = new URL(serverUrl);
  url.hostname = egress.server.host;
  return { PLAN42_URL: trimEnd(url.href, '/') };
}

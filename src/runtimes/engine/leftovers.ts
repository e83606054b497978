/** Images and volumes that a killed runner or `doctor` leaves in docker and podman. */
import { join } from 'node:path';
import * as v from 'valibot';
import { errorCode } from '../../lib/errors.ts';
import { parseJson } from '../../lib/json.ts';
import { readBytes } from '../../lib/read-file.ts';
import { checkImagePrefix, checkInstanceId } from '../check/names.ts';
import { type Leftover, RuntimeError } from '../runtime.ts';
import { authorityVolume, authorityVolumePrefix } from './authorities.ts';
import { instanceLabel, lastErrorLine, queryTimeoutMs, type RunEngine, removalTimeoutMs } from './client.ts';

const InspectedImage = v.tuple([v.object({ Created: v.string(), Size: v.number() })]);
const InspectedVolume = v.tuple([v.object({ CreatedAt: v.string() })]);

/** As `Runtime.listLeftovers`. */
export async function listLeftovers(
  run: RunEngine,
  instanceId: string,
  folders: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Leftover[]> {
  const lines = async (...args: string[]) => {
    const result = await run(args, { signal, timeoutMs: queryTimeoutMs });
    if (result.exitCode !== 0) throw new RuntimeError(`cannot list ${args[0]}s: ${lastErrorLine(result)}`);
    return result.stdout.split('\n').filter((line) => line !== '');
  };
  const labelled = (id: string) => ['--filter', `label=${instanceLabel}=${id}`];
  const format = '{{.Repository}}:{{.Tag}}';
  const images = await lines('image', 'ls', ...labelled(checkInstanceId), '--format', format);
  const volumes = await Promise.all(
    [instanceId, checkInstanceId].map((id) => lines('volume', 'ls', '--quiet', ...labelled(id))),
  );
  const used = await volumesOf(folders);
  const candidates = [
    ...images.filter((name) => name.startsWith(checkImagePrefix)).map((name) => imageOf(run, name)),
    ...volumes
      .flat()
      .filter((name) => name.startsWith(authorityVolumePrefix) && !used.has(name))
      .map((name) => volumeOf(run, name)),
  ];
  return (await Promise.all(candidates)).filter((found) => found !== undefined);
}

/** Undefined if it is gone by now. */
async function imageOf(run: RunEngine, name: string): Promise<Leftover | undefined> {
  const { exitCode, stdout } = await run(['image', 'inspect', name], { timeoutMs: queryTimeoutMs });
  if (exitCode !== 0) return undefined;
  const [{ Created, Size }] = v.parse(InspectedImage, parseJson(stdout));
  const remove = () => succeeds(run, ['rmi', name]);
  return { kind: 'image', name, createdAt: new Date(Created), sizeBytes: Size, remove };
}

/** Undefined if it is gone by now. */
async function volumeOf(run: RunEngine, name: string): Promise<Leftover | undefined> {
  const { exitCode, stdout } = await run(['volume', 'inspect', name], { timeoutMs: queryTimeoutMs });
  if (exitCode !== 0) return undefined;
  const [{ CreatedAt }] = v.parse(InspectedVolume, parseJson(stdout));
  // The engine keeps one that a container uses. A job that is starting may not have its container yet.
  const remove = async (folders: readonly string[]) =>
    !(await volumesOf(folders)).has(name) && succeeds(run, ['volume', 'rm', name]);
  return { kind: 'volume', name, createdAt: new Date(CreatedAt), sizeBytes: undefined, remove };
}

async function succeeds(run: RunEngine, args: readonly string[]): Promise<boolean> {
  const result = await run(args, { timeoutMs: removalTimeoutMs });
  if (result.exitCode === 0) return true;
  if (/no such|not known|in use|being used/i.test(result.stderr)) return false;
  throw new RuntimeError(lastErrorLine(result));
}

/** The volumes that the jobs in these folders may use. */
async function volumesOf(folders: readonly string[]): Promise<Set<string>> {
  const names = folders.map(async (folder) => {
    try {
      return [authorityVolume(await readBytes(join(folder, 'ca/bundle.pem')))];
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return [];
      throw error;
    }
  });
  return new Set((await Promise.all(names)).flat());
}

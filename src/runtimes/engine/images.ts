/** The images of docker and podman. */

import * as v from 'valibot';
import { isNamedLocal } from '../../lib/image-reference.ts';
import { parseJson } from '../../lib/json.ts';
import { type Image, type ImageStore, RuntimeError } from '../runtime.ts';
import { lastErrorLine, queryTimeoutMs, type RunEngine, removalTimeoutMs } from './client.ts';
import { type ImagesVersion, rememberUntilChange } from './images-version.ts';
import type { LocalImage } from './pull.ts';

const texts = v.nullish(v.array(v.string()), []);
const origins = v.nullish(v.array(v.unknown()), []);

const Inspected = v.tuple([
  v.object({
    Id: v.string(),
    RepoTags: texts,
    // One for each registry that has the image. Podman, and docker with containerd's store, also give them to images that were built.
    RepoDigests: texts,
    // Docker 29 and later.
    Identity: v.nullish(v.object({ Build: origins, Pull: origins })),
    Size: v.number(),
    Config: v.nullish(v.object({ User: v.nullish(v.string()), Env: texts })),
  }),
]);

/** The image store, and what only this runtime needs to know about an image. */
export interface EngineImages extends ImageStore {
  /** The variables that the image sets. @throws RuntimeError */
  environmentOf(image: string): Promise<Record<string, string>>;
  /** Whether its programs run as root; undefined if it is missing. @throws RuntimeError */
  runsAsRoot(image: string, signal?: AbortSignal): Promise<boolean | undefined>;
  /** Call this if the image is known to have this ID, so that what is known of it holds, whatever else has changed. */
  confirm(image: string, id: string): Promise<void>;
  /** Where an image is from; undefined if it is missing. @throws RuntimeError */
  findLocal(image: string, signal?: AbortSignal): Promise<LocalImage | undefined>;
}

/** @param version makes repeated queries unnecessary, if the engine has one */
export function createEngineImages(run: RunEngine, version?: ImagesVersion): EngineImages {
  async function lines(what: string, args: readonly string[], signal: AbortSignal | undefined): Promise<string[]> {
    const result = await run(args, { signal, timeoutMs: queryTimeoutMs });
    if (result.exitCode !== 0) throw new RuntimeError(`cannot ${what}: ${lastErrorLine(result)}`);
    return result.stdout.split('\n').filter((line) => line !== '');
  }

  const covers = async (ids: readonly string[]) => version?.covers(ids) ?? false;
  const { query: inspect, confirm } = rememberUntilChange(inspectNow, {
    readVersion: version?.read,
    isLasting: async (found) => found !== undefined && covers([bare(found.Id)]),
  });
  const { query: listIds } = rememberUntilChange(listIdsNow, { readVersion: version?.readIds, isLasting: covers });

  async function listIdsNow(_all: string, signal?: AbortSignal): Promise<string[]> {
    return (await lines('list images', ['images', '--all', '--quiet', '--no-trunc'], signal)).map(bare);
  }

  async function inspectNow(
    image: string,
    signal?: AbortSignal,
  ): Promise<v.InferOutput<typeof Inspected>[0] | undefined> {
    const result = await run(['image', 'inspect', image], { signal, timeoutMs: queryTimeoutMs });
    if (result.exitCode !== 0) {
      if (/no such (image|object)|not known|not found/i.test(result.stderr)) return undefined;
      throw new RuntimeError(`cannot look up the image ${image}: ${lastErrorLine(result)}`);
    }
    return v.parse(Inspected, parseJson(result.stdout))[0];
  }

  async function find(image: string, signal?: AbortSignal): Promise<Image | undefined> {
    const found = await inspect(image, signal);
    return found && imageOf(found);
  }

  async function findLocal(image: string, signal?: AbortSignal): Promise<LocalImage | undefined> {
    const found = await inspect(image, signal);
    if (found === undefined) return undefined;
    const { RepoTags, RepoDigests, Identity } = found;
    const names = [...(RepoTags ?? []), ...(RepoDigests ?? [])];
    const isBuilt = (Identity?.Build ?? []).length > 0 && (Identity?.Pull ?? []).length === 0;
    return {
      isNamedLocal: isNamedLocal(image) || (names.length > 0 && names.every(isNamedLocal)),
      isMadeHere: (RepoDigests ?? []).length === 0 || isBuilt,
      image: imageOf(found),
    };
  }

  async function environmentOf(image: string): Promise<Record<string, string>> {
    const found = await inspect(image);
    if (found === undefined) throw new RuntimeError(`cannot inspect the image ${image}: it is not on this machine`);
    const variables = (found.Config?.Env ?? []).map((line) => line.split(/=(.*)/s));
    return Object.fromEntries(variables.map(([name = '', value = '']) => [name, value]));
  }

  async function runsAsRoot(image: string, signal?: AbortSignal): Promise<boolean | undefined> {
    const found = await inspect(image, signal);
    // A user, or a user and a group, by name or number. Another name of root is not recognised, and loses rights only.
    return found && /^(?:(?:root|0+)?(?::.*)?)$/.test(found.Config?.User ?? '');
  }

  return {
    environmentOf,
    runsAsRoot,
    confirm: (image, id) => confirm(image, (found) => found !== undefined && bare(found.Id) === id),
    listIds: (signal) => listIds('all', signal),
    find,
    findLocal,
    addName: async (id, name) => void (await lines('name an image', ['tag', id, name], undefined)),
    isInUse: async (id, signal) => {
      const args = ['ps', '--all', '--quiet', '--filter', `ancestor=${id}`];
      return (await lines('list containers', args, signal)).length > 0;
    },
    remove: async (nameOrId) => {
      const result = await run(['rmi', nameOrId], { timeoutMs: removalTimeoutMs });
      if (result.exitCode !== 0) throw new RuntimeError(lastErrorLine(result));
    },
  };
}

function imageOf({ Id, RepoTags, Size }: v.InferOutput<typeof Inspected>[0]): Image {
  return { id: bare(Id), names: RepoTags ?? [], sizeBytes: Size };
}

// Some engines and commands print this prefix of an ID, others don't.
function bare(id: string): string {
  return id.replace(/^sha256:/, '');
}

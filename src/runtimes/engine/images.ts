/** The images of docker and podman. */

import * as v from 'valibot';
import { parseJson } from '../../lib/json.ts';
import { type Image, type ImageStore, RuntimeError } from '../runtime.ts';
import { lastErrorLine, queryTimeoutMs, type RunEngine, removalTimeoutMs } from './client.ts';

const Inspected = v.tuple([
  v.object({ Id: v.string(), RepoTags: v.nullish(v.array(v.string()), []), Size: v.number() }),
]);

/** The image store, and what only this runtime needs to know about an image. */
export interface EngineImages extends ImageStore {
  /** The variables that the image sets. @throws RuntimeError */
  environmentOf(image: string): Promise<Record<string, string>>;
}

export function createEngineImages(run: RunEngine): EngineImages {
  async function lines(what: string, args: readonly string[], signal: AbortSignal | undefined): Promise<string[]> {
    const result = await run(args, { signal, timeoutMs: queryTimeoutMs });
    if (result.exitCode !== 0) throw new RuntimeError(`cannot ${what}: ${lastErrorLine(result)}`);
    return result.stdout.split('\n').filter((line) => line !== '');
  }

  async function find(image: string, signal?: AbortSignal): Promise<Image | undefined> {
    const result = await run(['image', 'inspect', image], { signal, timeoutMs: queryTimeoutMs });
    if (result.exitCode !== 0) {
      if (/no such (image|object)|not known|not found/i.test(result.stderr)) return undefined;
      throw new RuntimeError(`cannot look up the image ${image}: ${lastErrorLine(result)}`);
    }
    const [{ Id, RepoTags, Size }] = v.parse(Inspected, parseJson(result.stdout));
    return { id: bare(Id), names: RepoTags ?? [], sizeBytes: Size };
  }

  async function environmentOf(image: string): Promise<Record<string, string>> {
    const format = '{{range .Config.Env}}{{json .}}\n{{end}}';
    const printed = await lines('inspect the image', ['image', 'inspect', '--format', format, image], undefined);
    const variables = printed.map((line) => v.parse(v.string(), parseJson(line)).split(/=(.*)/s));
    return Object.fromEntries(variables.map(([name = '', value = '']) => [name, value]));
  }

  return {
    environmentOf,
    listNames: async (signal) => {
      const names = await lines('list images', ['images', '--format', '{{.Repository}}:{{.Tag}}'], signal);
      return names.filter((name) => !name.includes('<none>'));
    },
    listIds: async (signal) =>
      (await lines('list images', ['images', '--all', '--quiet', '--no-trunc'], signal)).map(bare),
    find,
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

// Some engines and commands print this prefix of an ID, others don't.
function bare(id: string): string {
  return id.replace(/^sha256:/, '');
}

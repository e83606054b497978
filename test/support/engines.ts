import { mkdir } from 'node:fs/promises';
import { startDocker } from './engines/docker.ts';
import { removeEnginesDir } from './engines/folder.ts';
import { pushTestImages, type TestImages } from './engines/images.ts';
import { setUpPodman } from './engines/podman.ts';
import { type Env, run } from './engines/processes.ts';
import { startRegistry } from './engines/registry.ts';

/** Engines for integration tests. An undefined one has a reason in `missing`. */
export interface Engines {
  /** `127.0.0.1:PORT`, insecure, without authentication. */
  registry?: string;
  /** Present whenever `registry` is. */
  images?: TestImages;
  /** With `env` added to its environment, a plain `podman` uses the private set-up. */
  podman?: { env: Env };
  /** With `env` added to its environment, a plain `docker` uses the private daemon. */
  docker?: { env: Env };
  missing: { podman?: string; docker?: string; registry?: string };
}

interface Options {
  dir: string;
  signal: AbortSignal;
}

/**
 * Starts a private docker, podman and registry with all their state below `dir`. What cannot be started is reported in
 * `missing` instead of thrown; only an abort by `signal` throws. Disposing removes the containers, stops the daemons
 * and deletes `dir`.
 */
export async function startEngines(options: Options): Promise<Engines & AsyncDisposable> {
  const { dir, signal } = options;
  await using undo = new AsyncDisposableStack();
  await mkdir(dir, { recursive: true });
  undo.defer(() => removeEnginesDir(dir));
  const missing: Engines['missing'] = {};
  const attempt = async <T extends AsyncDisposable>(
    name: keyof typeof missing,
    start: (options: Options) => Promise<T>,
  ) => {
    try {
      if (process.platform !== 'linux') throw new Error('runs on Linux only');
      return undo.use(await start(options));
    } catch (error) {
      missing[name] = (error as Error).message;
      return undefined;
    }
  };
  const [docker, podman, registry] = await Promise.all([
    attempt('docker', startDocker),
    attempt('podman', setUpPodman),
    attempt('registry', startRegistryWithImages),
  ]);
  signal.throwIfAborted();

  const works = async (name: 'docker' | 'podman', env: Env | undefined) => {
    if (env === undefined) return {};
    try {
      if (registry) await runContainer(name, { env, image: registry.images.noEntrypoint, signal });
      return { [name]: { env } };
    } catch (error) {
      missing[name] = (error as Error).message;
      return {};
    }
  };
  const working = await Promise.all([works('docker', docker?.env), works('podman', podman?.env)]);
  signal.throwIfAborted();

  const owned = undo.move();
  let disposed: Promise<void> | undefined;
  return {
    ...(registry && { registry: registry.host, images: registry.images }),
    ...Object.assign({}, ...working),
    missing,
    [Symbol.asyncDispose]: () => (disposed ??= owned.disposeAsync()),
  };
}

async function startRegistryWithImages({ dir, signal }: Options) {
  await using undo = new AsyncDisposableStack();
  const { host } = undo.use(await startRegistry({ dir, signal }));
  const images = await pushTestImages({ dir, registry: host, signal });
  const owned = undo.move();
  return { host, images, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** An engine that answers may still be unable to run anything, for lack of a right or of a kernel feature. */
async function runContainer(engine: string, { env, image, signal }: { env: Env; image: string; signal: AbortSignal }) {
  await run(engine, ['run', '--rm', image, 'true'], { env, signal });
  await run(engine, ['rmi', image], { env, signal });
}

import { join } from 'node:path';
import { exists } from '../../src/lib/files.ts';
import type {
  ContainerOfOther,
  Image,
  ImageStore,
  JobExit,
  Runtime,
  StartOptions,
  UnmanagedContainer,
} from '../../src/runtimes/runtime.ts';
import { RuntimeError } from '../../src/runtimes/runtime.ts';
import type { JobPaths } from '../../src/shim/shim.ts';

export interface FakeRuntime extends Runtime {
  /** The calls in order: `pull alpine`, `start plan42-…`. */
  readonly calls: string[];
  /** The IDs of the jobs whose start has begun, launched or not. */
  readonly prepared: string[];
  /** The options of every start. */
  readonly started: StartOptions[];
  /** May be replaced, to fail or to take time. */
  onPull: (image: string, signal: AbortSignal | undefined) => Promise<void>;
  isReady: boolean;
  onStart: (job: StartOptions) => Promise<void>;
  onKill: (job: JobPaths) => Promise<void>;
  onRemove: (job: JobPaths) => Promise<void>;
  /** The unmanaged containers, filled by the test. */
  readonly left: UnmanagedContainer[];
  /** Of other runners. */
  readonly ofOthers: ContainerOfOther[];
  readonly images: FakeImages;
  /** Ends a job, running or not yet started. */
  end(jobId: string, exit?: Partial<JobExit>): void;
}

/** Images that the test adds. */
export interface FakeImages extends ImageStore {
  readonly all: Map<string, Image>;
  /** The IDs of those that a container was made of. */
  readonly inUse: Set<string>;
}

function createFakeImages(): FakeImages {
  const all = new Map<string, Image>();
  const find = (image: string) => all.get(image) ?? [...all.values()].find(({ names }) => names.includes(image));
  const setNames = (image: Image, names: string[]) => all.set(image.id, { ...image, names });
  const inUse = new Set<string>();
  return {
    all,
    inUse,
    listIds: async () => [...all.keys()],
    find: async (image) => find(image),
    addName: async (id, name) => {
      const image = all.get(id);
      if (image) setNames(image, [...image.names, name]);
    },
    isInUse: async (id) => inUse.has(id),
    remove: async (nameOrId) => {
      const image = find(nameOrId);
      if (!image) throw new RuntimeError(`no such image: ${nameOrId}`);
      const names = image.names.filter((name) => name !== nameOrId);
      if (names.length > (nameOrId === image.id ? 1 : 0)) {
        if (nameOrId === image.id) throw new RuntimeError('it has more than one name');
        setNames(image, names);
      } else {
        if (inUse.has(image.id)) throw new RuntimeError('a container needs it');
        all.delete(image.id);
      }
    },
  };
}

/** A runtime that runs nothing: the test decides when jobs exit. */
export function createFakeRuntime(): FakeRuntime {
  const exits = new Map<string, PromiseWithResolvers<JobExit>>();
  const exitOf = (jobId: string) => {
    const exit = exits.get(jobId) ?? Promise.withResolvers<JobExit>();
    exits.set(jobId, exit);
    return exit;
  };
  const running = new Set<string>();
  const ended = new Set<string>();
  const runtime: FakeRuntime = {
    name: 'docker',
    calls: [],
    prepared: [],
    started: [],
    onPull: async () => {},
    isReady: true,
    onStart: async () => {},
    onKill: async () => {},
    onRemove: async () => {},
    end: (jobId, exit = {}) => {
      if (running.delete(jobId)) ended.add(jobId);
      exitOf(jobId).resolve({
        exitCode: 0,
        endedAt: new Date(),
        outOfMemory: false,
        startError: undefined,
        ...exit,
      });
    },
    isInstalled: async () => true,
    whyUnmeasured: async () => undefined,
    whyNoWall: async () => undefined,
    checkReady: async () =>
      runtime.isReady ? { ready: true, detail: 'fake' } : { ready: false, reason: 'it is down', remedy: 'Wait.' },
    pull: async (image, policy, signal, beforePull) => {
      const local = policy === 'always' ? undefined : await runtime.images.find(image);
      if (local !== undefined) return { image: local };
      if (policy !== 'never') await beforePull?.();
      runtime.calls.push(`pull ${image}`);
      await runtime.onPull(image, signal);
      return {};
    },
    start: async (job) => {
      runtime.prepared.push(job.jobId);
      await job.beforeLaunch?.();
      runtime.calls.push(`start ${job.jobId}`);
      runtime.started.push(job);
      await runtime.onStart(job);
      running.add(job.jobId);
    },
    createdContainer: async ({ folder }) => exists(join(folder, 'container-id')),
    wasStarted: async ({ jobId }) => running.has(jobId) || ended.has(jobId),
    wait: async ({ jobId }, signal) => {
      signal?.throwIfAborted();
      const aborted = Promise.withResolvers<never>();
      signal?.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
      return Promise.race([exitOf(jobId).promise, aborted.promise]);
    },
    kill: async (job) => {
      const { jobId } = job;
      runtime.calls.push(`kill ${jobId}`);
      await runtime.onKill(job);
      if (running.has(jobId)) runtime.end(jobId, { exitCode: 137 });
    },
    listRunning: async () => [...running],
    left: [],
    ofOthers: [],
    listOthers: async () => runtime.ofOthers,
    images: createFakeImages(),
    listUnmanaged: async (except) => runtime.left.filter(({ jobId }) => !except.has(jobId)),
    removeUnmanaged: async (id) => {
      for (const list of [runtime.left, runtime.ofOthers]) {
        const at = list.findIndex((container) => container.id === id);
        if (at >= 0) list.splice(at, 1);
      }
    },
    storageFolder: async () => undefined,
    remove: async (job) => {
      runtime.calls.push(`remove ${job.jobId}`);
      await runtime.onRemove(job);
    },
  };
  return runtime;
}

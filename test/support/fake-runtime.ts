import type { JobExit, JobPlace, Runtime, StartOptions } from '../../src/runtimes/runtime.ts';

export interface FakeRuntime extends Runtime {
  /** What was done, in order: `pull alpine`, `start plan42-…`. */
  readonly calls: string[];
  /** The options of every start. */
  readonly started: StartOptions[];
  /** May be replaced, to fail or to take time. */
  onPull: (image: string, signal: AbortSignal | undefined) => Promise<void>;
  onStart: (job: StartOptions) => Promise<void>;
  onRemove: (job: JobPlace) => Promise<void>;
  /** Ends a job, running or not yet started. */
  end(jobId: string, exit?: Partial<JobExit>): void;
}

/** A runtime that runs nothing: the test says when jobs end. */
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
    started: [],
    onPull: async () => {},
    onStart: async () => {},
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
    checkReady: async () => ({ ready: true, detail: 'fake' }),
    pull: async (image, _policy, signal) => {
      runtime.calls.push(`pull ${image}`);
      await runtime.onPull(image, signal);
    },
    start: async (job) => {
      runtime.calls.push(`start ${job.jobId}`);
      runtime.started.push(job);
      await runtime.onStart(job);
      running.add(job.jobId);
    },
    wasStarted: async ({ jobId }) => running.has(jobId) || ended.has(jobId),
    wait: async ({ jobId }, signal) => {
      signal?.throwIfAborted();
      const aborted = Promise.withResolvers<never>();
      signal?.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
      return Promise.race([exitOf(jobId).promise, aborted.promise]);
    },
    kill: async ({ jobId }) => {
      runtime.calls.push(`kill ${jobId}`);
      if (running.has(jobId)) runtime.end(jobId, { exitCode: 137 });
    },
    listRunning: async () => [...running],
    remove: async (job) => {
      runtime.calls.push(`remove ${job.jobId}`);
      await runtime.onRemove(job);
    },
  };
  return runtime;
}

/**
 * The Jobs and Pods of a runner, and the warnings about them, as the cluster reported them last: one watch for each kind, while
 * anything waits for them, and in a service a little longer.
 */
import { isAbort } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { KubeApi } from '../api/kube-api.ts';
import type { EventObject } from '../explain/objects.ts';
import { listThenWatch } from './list-then-watch.ts';
import {
  type JobView,
  jobNameOf,
  type PodView,
  type RawEvent,
  type RawJob,
  type RawPod,
  viewEvent,
  viewJob,
  viewPod,
} from './objects.ts';

export interface JobInCluster {
  /** Undefined if it was removed, or never existed. */
  job: JobView | undefined;
  /** Whether another Job has the name of the one that was asked for. */
  isReplaced?: boolean;
  pod: PodView | undefined;
  /** The newest warnings about them. */
  events: readonly EventObject[];
}

export interface ClusterView {
  /**
   * Resolves with the first result of `find` that is not undefined. `find` gets the newest state of the Job, not before a
   * complete list, and each time that it changes. Rejects only with the reason of the signal, or the error of `find`.
   */
  waitFor<T>(name: string, find: (state: JobInCluster) => T | undefined, signal: AbortSignal | undefined): Promise<T>;
  /** Keeps the watches open until it is disposed of. */
  hold(): Disposable;
  /** A Job that was just created: a list that was already on its way does not have it. */
  note(job: RawJob): void;
  /** Drops what is known of a Job that is no longer needed. */
  forget(name: string): void;
}

export interface ClusterViewDeps {
  api: KubeApi;
  labelSelector: string;
  logger: Logger;
  /** Aborted when a service stops. Until then, the watches outlast the last job. Without it, they end with it. */
  service?: AbortSignal | undefined;
  /** For tests. */
  lingerMs?: number;
}

/** Of each job. The API server drops events after an hour. */
const maxEvents = 10;
/** Events have no labels, so those of other runners in the namespace arrive too; these are dropped beyond this number of jobs. */
const maxNamesWithEvents = 500;
/** How long the watches outlast the last user. To list and watch again takes six requests, half of what a job may need. */
const defaultLingerMs = 30_000;

export function createClusterView(deps: ClusterViewDeps): ClusterView {
  const { api, labelSelector, logger, service, lingerMs = defaultLingerMs } = deps;
  const jobs = new Map<string, JobView & { notedAt: number }>();
  const pods = new Map<string, PodView>();
  const events = new Map<string, EventObject[]>();
  const listeners = new Map<string, Set<() => void>>();
  // Counts events, so that a list can be compared with what was created since it began.
  let now = 0;
  let users = 0;
  let watching: AbortController | undefined;
  let ending: NodeJS.Timeout | undefined;
  const listed = new Set<'jobs' | 'pods'>();

  const notify = (name: string) => {
    for (const listener of listeners.get(name) ?? []) listener();
  };
  const notifyAll = () => {
    for (const name of listeners.keys()) notify(name);
  };

  function begin(): void {
    watching = new AbortController();
    const { signal } = watching;
    const common = { api, labelSelector, logger, signal };
    const base = encodeURIComponent(api.namespace);
    let startedAt = 0;
    const ofJobs = listThenWatch<RawJob, JobView>({
      ...common,
      path: `/apis/batch/v1/namespaces/${base}/jobs`,
      keep: viewJob,
      onListStart: () => {
        startedAt = ++now;
      },
      onList: (views) => {
        const uids = new Set(views.map(({ uid }) => uid));
        for (const [name, job] of jobs) if (job.notedAt < startedAt && !uids.has(job.uid)) jobs.delete(name);
        for (const view of views) setJob(view);
        listed.add('jobs');
        notifyAll();
      },
      onChange: (view) => {
        setJob(view);
        notify(view.name);
      },
      onDelete: ({ name, uid }) => {
        if (jobs.get(name)?.uid === uid) jobs.delete(name);
        notify(name);
      },
    });
    const ofPods = listThenWatch<RawPod, PodView>({
      ...common,
      path: `/api/v1/namespaces/${base}/pods`,
      keep: viewPod,
      onList: (views) => {
        const uids = new Set(views.map(({ uid }) => uid));
        for (const pod of pods.values()) {
          if (uids.has(pod.uid)) continue;
          if (isNeeded(pod.jobName)) pods.set(pod.jobName, { ...pod, isGone: true });
          else pods.delete(pod.jobName);
        }
        for (const view of views) setPod(view);
        listed.add('pods');
        notifyAll();
      },
      onChange: setPod,
      onDelete: (view) => {
        if (isNeeded(view.jobName)) setPod({ ...view, isGone: true });
        else pods.delete(view.jobName);
      },
    });
    // Events have no labels.
    const ofEvents = listThenWatch<RawEvent, EventObject>({
      api,
      logger,
      signal,
      fieldSelector: 'type=Warning',
      path: `/api/v1/namespaces/${base}/events`,
      keep: viewEvent,
      onList: (views) => {
        events.clear();
        for (const view of views) addEvent(view);
        notifyAll();
      },
      onChange: (view) => {
        addEvent(view);
        notify(jobNameOf(view));
      },
      onDelete: () => {},
    });
    for (const work of [ofJobs, ofPods, ofEvents]) {
      work.catch((error: unknown) => {
        if (!isAbort(error, signal)) logger.error('stopped watching cluster', { error });
      });
    }
  }

  function setJob(job: JobView): void {
    jobs.set(job.name, { ...job, notedAt: now });
  }

  function addEvent(event: EventObject): void {
    const name = jobNameOf(event);
    const known = events.get(name) ?? [];
    // To the end, so that the first ones are the oldest.
    events.delete(name);
    events.set(name, [...known, event].slice(-maxEvents));
    for (const oldest of events.keys()) {
      if (events.size <= maxNamesWithEvents) break;
      if (!isNeeded(oldest)) events.delete(oldest);
    }
  }

  const isNeeded = (name: string) => jobs.has(name) || listeners.has(name);

  function setPod(pod: PodView): void {
    const known = pods.get(pod.jobName);
    // The first pod of a Job counts, unless it is gone without having run: there is never a second one at the same time.
    if (known !== undefined && known.uid !== pod.uid && (pod.isGone || !known.isGone)) return;
    pods.set(pod.jobName, pod);
    notify(pod.jobName);
  }

  function end(): void {
    watching?.abort(new Error('nothing waits for the cluster'));
    watching = undefined;
    listed.clear();
    jobs.clear();
    pods.clear();
    events.clear();
  }

  function hold(): Disposable {
    users += 1;
    clearTimeout(ending);
    if (watching === undefined) begin();
    const stack = new DisposableStack();
    stack.defer(() => {
      users -= 1;
      if (users > 0) return;
      if (service?.aborted === false) ending = setTimeout(end, lingerMs).unref();
      else end();
    });
    return stack;
  }

  service?.addEventListener('abort', () => users === 0 && end(), { once: true });

  return {
    hold,
    async waitFor(name, find, signal) {
      signal?.throwIfAborted();
      using stack = new DisposableStack();
      stack.use(hold());
      const { promise, resolve, reject } = Promise.withResolvers<NonNullable<ReturnType<typeof find>>>();
      const look = () => {
        if (listed.size < 2) return;
        try {
          const found = find({ job: jobs.get(name), pod: pods.get(name), events: events.get(name) ?? [] });
          if (found !== undefined && found !== null) resolve(found);
        } catch (error) {
          reject(error);
        }
      };
      const own = listeners.get(name) ?? new Set();
      listeners.set(name, own.add(look));
      stack.defer(() => {
        own.delete(look);
        if (own.size === 0 && listeners.get(name) === own) listeners.delete(name);
      });
      const abort = () => reject(signal?.reason as Error);
      signal?.addEventListener('abort', abort, { once: true });
      stack.defer(() => signal?.removeEventListener('abort', abort));
      look();
      return await promise;
    },
    note(object) {
      if (watching !== undefined) setJob(viewJob(object));
    },
    forget(name) {
      jobs.delete(name);
      pods.delete(name);
      events.delete(name);
    },
  };
}

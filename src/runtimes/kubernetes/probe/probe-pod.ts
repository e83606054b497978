/** One pod of `doctor`: started, watched and removed as that of a job. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../../config/schema.ts';
import type { EgressPolicy } from '../../../gateway/policy.ts';
import { systemClock } from '../../../lib/clock.ts';
import { formatError } from '../../../lib/errors.ts';
import { createFile } from '../../../lib/files.ts';
import { orAborted } from '../../../lib/or-aborted.ts';
import { readLogTail } from '../../../shim/job-log.ts';
import { checkFolderPrefix } from '../../check/names.ts';
import { parseReport } from '../../check/script.ts';
import type { HeldLimits, JobExit, StartOptions } from '../../runtime.ts';
import { deleteJob } from '../delete-job.ts';
import type { Explanation } from '../explain/objects.ts';
import { findProblem } from '../explain-exit.ts';
import { readMarker } from '../job-marker.ts';
import { gatewayLabel, objectName } from '../manifest/names.ts';
import { pathOf } from '../paths.ts';
import { type StartDeps, startJob } from '../start-job.ts';
import { type WaitDeps, waitForJob } from '../wait-for-job.ts';
import { endGateway, waitBehindWall } from '../walled/wait-behind-wall.ts';
import type { RawPod } from '../watch/objects.ts';
import { PodReport } from './report.ts';

export type ProbeDeps = StartDeps & Pick<WaitDeps, 'view' | 'logger'> & { settings: Pick<Config, 'egress'> };

export interface Probe {
  jobId: string;
  image: string;
  /** Lines of the request. */
  request: readonly string[];
  limits: HeldLimits;
  /** Given for a pod behind a wall, whose gateway starts first. */
  egress?: EgressPolicy;
  folder: string;
  /** How long the pod may take to start. */
  startTimeoutMs: number;
  signal: AbortSignal;
  /** Called with what could not be removed. */
  onLeft: (what: string) => void;
}

export interface ProbeResult {
  exit: JobExit;
  report: PodReport | undefined;
  nonce: string;
  /** The end of its output. */
  output: string;
  startMs: number;
  node: string;
  pull: string | undefined;
}

/** A problem that lasts for so long is reported, although it may pass: a doctor is not as patient as a runner. */
const maxProblemMs = 10_000;
const pollMs = 250;
const removalMs = 15_000;
const maxOutputBytes = 8192;
const maxLogBytes = 2 ** 20;

/** Rejects with the signal's reason, or what keeps the Job from being created. */
export async function probePod(probe: Probe, deps: ProbeDeps): Promise<ProbeResult | Explanation> {
  const { signal } = probe;
  const { view, instanceId } = deps;
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(probe.folder, checkFolderPrefix));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const nonce = randomBytes(16).toString('hex');
  const { jobId, image, limits, egress } = probe;
  const job: StartOptions = {
    ...{ jobId, image, limits, egress, folder, maxLogBytes },
    ...{ logFile: join(folder, 'log'), requestFile: join(folder, 'request') },
  };
  await createFile(job.requestFile, [`nonce ${nonce}`, ...probe.request, ''].join('\n'));
  signal.throwIfAborted();
  const name = objectName(instanceId, jobId);
  using _watching = view.hold();
  const startedAt = systemClock.now();
  const starting = startJob(job, withStartTimeout(deps, probe.startTimeoutMs));
  let hasStarted = false;
  undo.defer(async () => {
    // A start that the signal interrupts continues until it misses its Job. What it has created since is removed too.
    if (!hasStarted) await remove(name, probe, deps);
    await starting.catch(() => {});
    await remove(name, probe, deps);
  });
  view.note(await orAborted(starting, signal));
  hasStarted = true;
  signal.throwIfAborted();
  const marker = await readMarker(job);
  if (marker === undefined) throw new Error('the start left no marker');
  let startMs: number | undefined;
  let node = '';
  let podName = '';
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const stuck = Promise.withResolvers<Explanation>();
  let problem: { reason: string; since: number; explanation: Explanation } | undefined;
  const watching = view
    .waitFor(
      name,
      (state) => {
        if (state.pod !== undefined) {
          podName = state.pod.name;
          node = state.pod.object.spec?.nodeName ?? node;
          if (state.pod.agent.phase !== 'waiting') startMs ??= systemClock.now() - startedAt;
        }
        const found = startMs === undefined ? findProblem(state) : undefined;
        if (found === undefined) problem = undefined;
        else if (found.reason !== problem?.reason)
          problem = { reason: found.reason, since: problem?.since ?? systemClock.now(), explanation: found };
        return undefined;
      },
      either,
    )
    .catch(() => {});
  const timer = setInterval(() => {
    if (problem !== undefined && systemClock.now() - problem.since > maxProblemMs) stuck.resolve(problem.explanation);
  }, pollMs);
  try {
    const { startTimeoutMs } = probe;
    const waiting = (onExit?: () => Promise<void>) =>
      waitForJob(job, marker, { ...deps, startTimeoutMs, signal: either, ...(onExit && { onExit }) });
    const kill = () => deleteJob(deps.api, name, marker.uid);
    const exited = waitBehindWall(job, marker, waiting, { ...deps, kill, signal: either });
    exited.catch(() => {});
    const exit = await Promise.race([exited, stuck.promise]);
    if ('reason' in exit) return exit;
    const output = await readLogTail(job.logFile, maxOutputBytes).catch(() => '');
    const report = parseReport(PodReport, output);
    startMs ??= systemClock.now() - startedAt;
    return { exit, report, nonce, output, startMs, node, pull: await findPull(podName, deps, signal) };
  } finally {
    clearInterval(timer);
    done.abort(new Error('the pod of doctor has ended'));
    await watching;
  }
}

interface PulledEvent {
  reason?: string;
  message?: string;
}

/** How the node got the image, by its own event. */
async function findPull(pod: string, { api }: ProbeDeps, signal: AbortSignal): Promise<string | undefined> {
  if (pod === '') return undefined;
  try {
    const query = { fieldSelector: `involvedObject.name=${pod},reason=Pulled` };
    const { items } = await api.request<{ items: PulledEvent[] }>('GET', pathOf(api, 'events'), { query, signal });
    const message = items.at(-1)?.message;
    if (message === undefined) return undefined;
    if (/already present/.test(message)) return 'its image was on the node';
    const [, duration] = / in ([\d.hms]+)/.exec(message) ?? [];
    return duration === undefined ? 'its image was pulled' : `its image was pulled in ${duration}`;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** The gateway has the time of the pod, and not that of a job. */
function withStartTimeout(deps: ProbeDeps, startTimeoutMs: number): ProbeDeps {
  const { settings } = deps;
  return { ...deps, settings: { ...settings, kubernetes: { ...settings.kubernetes, startTimeoutMs } } };
}

/** With its pods, which can take a quota until they are gone. */
async function remove(name: string, { egress, signal, onLeft }: Probe, { api }: ProbeDeps): Promise<void> {
  try {
    // Otherwise it would stay for as long as an agent may need it.
    if (egress !== undefined) await endGateway(api, name);
    await deleteJob(api, name, undefined);
    const ofJob = { labelSelector: `batch.kubernetes.io/job-name=${name}` };
    const ofGateway = { labelSelector: `${gatewayLabel}=${name}` };
    for (const end = systemClock.now() + removalMs; systemClock.now() < end && !signal.aborted; ) {
      const left = await Promise.all(
        (egress === undefined ? [ofJob] : [ofJob, ofGateway]).map((query) =>
          api.request<{ items: RawPod[] }>('GET', pathOf(api, 'pods'), { query }),
        ),
      );
      if (left.every(({ items }) => items.length === 0)) return;
      await systemClock.sleep(pollMs, signal).catch(() => {});
    }
    if (!signal.aborted) onLeft(`the pod of the Job ${name} is still being removed`);
  } catch (error) {
    onLeft(formatError(error));
  }
}

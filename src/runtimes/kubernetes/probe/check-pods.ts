/** Tries a cluster for `doctor`: whether it accepts the Job of a task, and pods that start as those of jobs. */
import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { systemClock } from '../../../lib/clock.ts';
import { UserError } from '../../../lib/errors.ts';
import { trimEnd } from '../../../lib/trim-end.ts';
import { checkJobPrefix } from '../../check/names.ts';
import type { PodCheckOptions, PodCheckResult, PodTrial, TrialResult } from '../../check/pod-check.ts';
import { type HeldLimits, RuntimeError } from '../../runtime.ts';
import { tryDryRun } from '../dry-run.ts';
import { findInTemplate } from '../manifest/find-in-template.ts';
import { mountPath } from '../manifest/job.ts';
import { agentContainer } from '../manifest/names.ts';
import type { Aspect } from '../manifest/openings.ts';
import { buildSampleJob, type SampleJob } from '../sample-job.ts';
import { mayHaveWall } from '../walled/check-wall.ts';
import { findOwnImage } from './own-image.ts';
import { type Probe, type ProbeDeps, type ProbeResult, probePod } from './probe-pod.ts';
import { type Expected, judgeReport, unreadLimits } from './report.ts';

/** For everything; the checks that use it have a little more. */
const totalMs = 75_000;
/** A wall takes half a minute to prove, and a gateway first. */
const totalWithWallMs = 120_000;
/** For the removal of the last pod. */
const reserveMs = 10_000;
/** The cluster ends a pod that a killed doctor has left after this time, and then removes its Job. */
const lifetimeMs = 120_000;
const keepMs = 60_000;
const trialLimitMs = 2000;
const trialWrapUpMs = 5000;

/** @throws UserError if no job can start with these settings, or an error of the cluster or of the network */
export async function checkPods(options: PodCheckOptions, given: ProbeDeps): Promise<PodCheckResult> {
  const { signal } = options;
  const { policy } = mayHaveWall(given.settings) ? options : {};
  const endsAt = systemClock.now() + (policy === undefined ? totalMs : totalWithWallMs);
  const deps = withOwnAgent(given);
  const left: string[] = [];
  const images = options.images.length > 0 ? options.images : await findOwnImage(given, signal);
  const [first, ...others] = images;
  const none = { limit: undefined, server: undefined, wall: undefined };
  const nothing = { ...none, refused: undefined, pods: [], untried: [], left };
  if (first === undefined) return nothing;
  const limits = limitsOf(options);
  const sample = await buildSampleJob(deps.settings, { instanceId: given.instanceId, image: first, limits });
  const refused = await tryDryRun(sample, deps.api, { signal });
  if (refused !== undefined) return { ...nothing, refused, untried: images };
  const connect = await socketAddressOf(options.serverUrl);
  const pod = (
    image: string,
    { policyOf, ...more }: Pick<Probe, 'request' | 'limits'> & { policyOf?: PodCheckOptions['policy'] },
  ) => {
    const jobId = `${checkJobPrefix}${randomUUID()}`;
    return probePod(
      {
        ...{ jobId, image, folder: options.folder, signal, ...more },
        ...(policyOf && { egress: policyOf(jobId) }),
        startTimeoutMs: Math.max(1000, endsAt - reserveMs - systemClock.now()),
        onLeft: (what) => left.push(what),
      },
      deps,
    );
  };
  const request = [
    `entrypoint ${given.settings.jobs.entrypoint}`,
    ...(connect === undefined ? [] : [`connect ${connect}`]),
  ];
  const expectation = { ...expectationOf(sample, given.settings), entrypoint: given.settings.jobs.entrypoint };
  const pods: PodTrial[] = [];
  let limit: TrialResult | undefined;
  let server: TrialResult | undefined;
  let wall: TrialResult | undefined;
  for (const image of [first, ...others]) {
    if (pods.some(({ started }) => !started) || systemClock.now() > endsAt - 2 * reserveMs) break;
    const found = await pod(image, { request, limits });
    pods.push(judgePod(found, image, expectation));
    if (image !== first || !('exit' in found) || found.report === undefined) continue;
    const { connect: connected } = found.report;
    if (connected !== undefined)
      server = connected === 'ok' ? { works: true, detail: '' } : { works: false, reason: connected };
    limit = await tryLimit(() => pod(image, { request: ['wait'], limits: { ...limits, ...trialLimits } }));
    if (policy !== undefined) wall = await tryWall(() => pod(image, { request: [], limits, policyOf: policy }));
  }
  return { refused: undefined, pods, limit, untried: images.slice(pods.length), server, wall, left };
}

const trialLimits = { maxDurationMs: trialLimitMs, wrapUpMs: trialWrapUpMs };

/** The program that passes the request on is the agent, too: it is in every pod, whatever the image. */
function withOwnAgent(deps: ProbeDeps): ProbeDeps {
  const { settings } = deps;
  const jobs = { ...settings.jobs, entrypoint: `${mountPath}/start` };
  return { ...deps, settings: { ...settings, jobs, kubernetes: { ...settings.kubernetes, ttlMs: keepMs } } };
}

function limitsOf({ diskBytes }: PodCheckOptions): HeldLimits {
  return { maxDurationMs: lifetimeMs, wrapUpMs: 1000, diskBytes };
}

/** Returns the state that a pod of this Job should have, and the fields of the template that would be the cause of another one. */
function expectationOf(
  { manifest, template, openings }: SampleJob,
  { jobs }: ProbeDeps['settings'],
): Omit<Expected, 'nonce' | 'image' | 'entrypoint'> {
  const { resources } = manifest.spec?.template.spec?.containers.find(({ name }) => name === agentContainer) ?? {};
  const isOurs = (what: 'cpu' | 'memory', ours: string) => resources?.limits?.[what] === ours;
  const memoryMib = Math.round(jobs.memoryGib * 1024);
  const milliCpus = Math.round(jobs.cpus * 1000);
  const limitOf = (what: string) =>
    findInTemplate(template?.content, ['spec', 'containers', agentContainer, 'resources', 'limits', what]);
  const openingOf = (aspect: Aspect) => openings.find(({ aspects }) => aspects?.includes(aspect))?.field;
  return {
    noNewPrivileges: jobs.noNewPrivileges,
    memoryBytes: isOurs('memory', `${memoryMib}Mi`) ? memoryMib * 2 ** 20 : undefined,
    cpus: isOurs('cpu', `${milliCpus}m`) ? milliCpus / 1000 : undefined,
    causes: {
      token: openingOf('token'),
      newPrivileges: openingOf('newPrivileges'),
      seccomp: openingOf('seccomp'),
      memory: limitOf('memory'),
      cpu: limitOf('cpu'),
    },
  };
}

function judgePod(
  found: Awaited<ReturnType<typeof probePod>>,
  image: string,
  expectation: Omit<Expected, 'nonce' | 'image'>,
): PodTrial {
  if (!('exit' in found)) return { image, started: false, ...found };
  const { exit, report, nonce, output, startMs, node, pull } = found;
  if (exit.startError !== undefined)
    return { image, started: false, reason: exit.startError, remedy: exit.startRemedy };
  if (report === undefined) return { image, started: false, ...explainSilence(exit, output) };
  const unread = unreadLimits(report);
  const { facts, problems } = judgeReport(report, { ...expectation, nonce, image });
  const seen = unread.length === 0 ? facts : [...facts, `its limits of ${unread.join(' and ')} could not be read`];
  return { image, started: true, startMs: Math.round(startMs), node, pull, facts: seen, problems };
}

function explainSilence({ exitCode, stopped, outOfMemory, unseenBecause }: ProbeResult['exit'], output: string) {
  if (stopped !== undefined) return { reason: stopped.reason, remedy: stopped.remedy };
  const how = outOfMemory ? 'it ran out of memory' : (unseenBecause ?? `exit code ${exitCode}`);
  const remedy = outOfMemory ? 'Raise jobs.memory_gib.' : 'Run "plan42 runner doctor" again.';
  return { reason: `its pod reported nothing: ${[how, output.slice(-300)].filter(Boolean).join(', ')}`, remedy };
}

async function tryLimit(run: () => ReturnType<typeof probePod>): Promise<TrialResult> {
  const found = await run();
  if (!('exit' in found)) return { works: false, ...found };
  const { startError, startRemedy, stopped } = found.exit;
  if (startError !== undefined) return { works: false, reason: startError, remedy: startRemedy };
  if (stopped !== undefined) return { works: true, detail: stopped.reason };
  return { works: false, reason: 'the pod did not end at its limit' };
}

/** The pod is refused by its own first program if it reaches anything but its gateway. */
async function tryWall(run: () => ReturnType<typeof probePod>): Promise<TrialResult> {
  try {
    const found = await run();
    if (!('exit' in found)) return { works: false, ...found };
    const { exit, report, output } = found;
    if (exit.startError !== undefined) return { works: false, reason: exit.startError, remedy: exit.startRemedy };
    if (report === undefined) return { works: false, ...explainSilence(exit, output) };
    return { works: true, detail: 'it reached no network but its gateway' };
  } catch (error) {
    if (error instanceof UserError) return { works: false, reason: error.message, remedy: error.remedy };
    if (error instanceof RuntimeError) return { works: false, reason: trimEnd(error.message, '.') };
    throw error;
  }
}

/** The address in the form of the kernel, in hexadecimal digits. Undefined if the host has none that this machine can find. */
async function socketAddressOf({ hostname, port, protocol }: URL): Promise<string | undefined> {
  const isV6 = hostname.startsWith('[');
  if (isV6) return undefined;
  try {
    const { address } = await lookup(hostname, { family: 4 });
    const bytes = Buffer.alloc(16);
    bytes.writeUInt16LE(2, 0);
    bytes.writeUInt16BE(Number(port) || (protocol === 'https:' ? 443 : 80), 2);
    for (const [index, part] of address.split('.').entries()) bytes[4 + index] = Number(part);
    return bytes.toString('hex');
  } catch {
    return undefined;
  }
}

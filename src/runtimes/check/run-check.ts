import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EgressPolicy } from '../../gateway/policy.ts';
import { UserError } from '../../lib/errors.ts';
import { createFile } from '../../lib/files.ts';
import { readLogTail } from '../../shim/job-log.ts';
import type { JobPaths } from '../../shim/shim.ts';
import { proxyPort } from '../../wall/wall.ts';
import { type JobExit, type KeptSecrets, type Runtime, RuntimeError, type StartOptions } from '../runtime.ts';
import { checkImage } from './image.ts';
import { checkFolderPrefix, checkImagePrefix, checkJobPrefix } from './names.ts';
import type { TrialResult } from './pod-check.ts';
import { BrokerReport, CheckReport, parseReport, UsageReport, WallReport } from './script.ts';

export interface ContainerCheck {
  runtime: Runtime;
  serverUrl: URL;
  entrypoint: string;
  /** Files are created in a new folder in this one, and removed. */
  folder: string;
  /** After this time the container is killed. */
  timeoutMs: number;
  /** The policy of a second container, behind the wall. It allows the server only. */
  policy: (jobId: string) => EgressPolicy;
  /** A third container, which uses a placeholder. Undefined if no job gets one. */
  credential?: CredentialTrial | undefined;
  /** A fourth one, which is to end at a limit. */
  limit: LimitTrial;
  /** One for each of these limits, whose second call of a model is to be refused. Empty if no gateway counts. */
  usages: readonly UsageTrial[];
  signal: AbortSignal;
}

export interface CredentialTrial {
  /** A host whose response says whether it got the secret. */
  url: string;
  placeholder: string;
  policy: (jobId: string) => EgressPolicy;
  broker: KeptSecrets;
}

export type UsageLimit = 'max_tokens' | 'max_cost';

export interface UsageTrial {
  limit: UsageLimit;
  /** An endpoint for chat in the shape of OpenAI's. One call uses all that the policy allows. */
  url: string;
  model: string;
  policy: (jobId: string) => EgressPolicy;
  broker: KeptSecrets;
}

export interface LimitTrial {
  /** Prepares the limit of a job. */
  arm: (job: JobPaths) => Promise<Partial<StartOptions>>;
  /** Says which limit the job has reached. Undefined for none. */
  findReached: (job: JobPaths) => Promise<string | undefined>;
  disarm: (job: JobPaths) => Promise<void>;
}

/** The report of the container, or how it ended without one. */
export interface ContainerResult {
  report: CheckReport | undefined;
  exit: JobExit;
  /** The end of its output. */
  output: string;
  /** Undefined if the first container reported nothing. */
  others: OtherResults | undefined;
}

export interface OtherResults {
  wall: WallResult;
  credential: TrialResult | undefined;
  limit: TrialResult;
  usages: readonly { limit: UsageLimit; result: TrialResult }[];
}

/** Whether a container behind the wall reached its gateway and nothing else, and how it called the server. */
export type WallResult =
  | { stands: true; server: CheckReport }
  | { stands: false; reason: string; remedy?: string | undefined };

const maxOutputBytes = 4096;

/**
 * Starts a container exactly as a job, from an image made of what is installed; its agent calls the server. Removes image and
 * container. @throws RuntimeError, UserError if the engine or the configuration cannot be used; the signal's reason
 */
export async function runContainerCheck(check: ContainerCheck): Promise<ContainerResult> {
  const { runtime, serverUrl, entrypoint, signal } = check;
  if (runtime.importImage === undefined) throw new RuntimeError(`the runtime ${runtime.name} cannot import an image`);
  const id = randomUUID();
  const jobId = `${checkJobPrefix}${id}`;
  const image = `${checkImagePrefix}${id}`;
  await using undo = new AsyncDisposableStack();
  undo.defer(async () => void (await runtime.images?.remove(image).catch(() => {})));
  await runtime.importImage(image, checkImage(entrypoint), signal);
  const first = { jobId, image, request: { url: serverUrl.href }, given: { serverUrl } };
  const { exit, output } = await runOne(first, check);
  const result = { report: parseReport(CheckReport, output), exit, output, others: undefined };
  if (result.report === undefined) return result;
  const { credential: wanted, limit: limited } = check;
  const [wall, credential, limit, usages] = await Promise.all([
    tryWall({ jobId: `${jobId}-wall`, image }, check),
    wanted && tryCredential({ jobId: `${jobId}-credential`, image }, wanted, check),
    tryLimit({ jobId: `${jobId}-limit`, image }, limited, check),
    Promise.all(
      check.usages.map(async (usage) => ({
        limit: usage.limit,
        result: await tryUsage({ jobId: `${jobId}-${usage.limit.replace('_', '-')}`, image }, usage, check),
      })),
    ),
  ]);
  return { ...result, others: { wall, credential, limit, usages } };
}

interface One {
  jobId: string;
  image: string;
  request: object;
  given: Partial<StartOptions>;
  /** Called with the files of the job before its start; disposed of after its end. */
  prepare?: (job: JobPaths, undo: AsyncDisposableStack) => Promise<Partial<StartOptions>>;
}

/** Runs a container to its end and removes it, so that its image can be removed. */
async function runOne({ jobId, image, request, given, prepare }: One, check: ContainerCheck) {
  const { runtime, timeoutMs, signal } = check;
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(check.folder, checkFolderPrefix));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const job = { jobId, folder, logFile: join(folder, 'log'), requestFile: join(folder, 'request') };
  await createFile(job.requestFile, JSON.stringify(request));
  const prepared = await prepare?.(job, undo);
  undo.defer(async () => void (await runtime.remove(job).catch(() => {})));
  await runtime.start({ ...job, image, maxLogBytes: 2 ** 20, ...given, ...prepared }, signal);
  const exit = await waitOrKill(runtime, job, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
  signal.throwIfAborted();
  return { exit, output: await readLogTail(job.logFile, maxOutputBytes) };
}

async function tryWall({ jobId, image }: Pick<One, 'jobId' | 'image'>, check: ContainerCheck): Promise<WallResult> {
  const { serverUrl } = check;
  try {
    const given = { serverUrl, egress: check.policy(jobId) };
    const request = { proxyPort, url: serverUrl.href };
    const { exit, output } = await runOne({ jobId, image, request, given }, check);
    if (exit.startError !== undefined) return { stands: false, reason: exit.startError, remedy: exit.startRemedy };
    const report = parseReport(WallReport, output);
    if (report === undefined) return { stands: false, reason: `the container reported nothing: ${output.slice(-300)}` };
    if (report.direct === 'connected') return { stands: false, reason: 'it reached the internet past the gateway' };
    if (/^HTTP\/1\.1 403\b/.test(report.gateway)) return { stands: true, server: report.server };
    return { stands: false, reason: `the gateway responded to a host that is not allowed: ${report.gateway}` };
  } catch (error) {
    check.signal.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    return { stands: false, reason: error.message, remedy: error.remedy };
  }
}

async function tryCredential(
  job: Pick<One, 'jobId' | 'image'>,
  { url, placeholder, policy, broker }: CredentialTrial,
  check: ContainerCheck,
): Promise<TrialResult> {
  return asTrial(check, async () => {
    const given = { egress: policy(job.jobId), broker };
    const { exit, output } = await runOne({ ...job, request: { url, placeholder }, given }, check);
    const failure = startFailure(exit);
    if (failure !== undefined) return failure;
    const report = parseReport(BrokerReport, output);
    if (report === undefined) return { works: false, reason: `the container reported nothing: ${output.slice(-300)}` };
    if (report.isReal === true)
      return { works: true, detail: 'its host got the secret, which the container did not have' };
    const why = report.message ?? 'its host got something else than the secret';
    return { works: false, reason: report.status === undefined ? why : `status ${report.status}, ${why}` };
  });
}

async function tryUsage(
  job: Pick<One, 'jobId' | 'image'>,
  { limit, url, model, policy, broker }: UsageTrial,
  check: ContainerCheck,
): Promise<TrialResult> {
  return asTrial(check, async () => {
    const given = { egress: policy(job.jobId), broker };
    const { exit, output } = await runOne({ ...job, request: { url, model }, given }, check);
    const failure = startFailure(exit);
    if (failure !== undefined) return failure;
    const report = parseReport(UsageReport, output);
    if (report === undefined) return { works: false, reason: `the container reported nothing: ${output.slice(-300)}` };
    const [first, second] = report.calls;
    const failed = (what: string, { status, message = '' }: UsageReport['calls'][number]): TrialResult => {
      const how = [...(status === undefined ? [] : [`status ${status}`]), message].filter((text) => text !== '');
      return { works: false, reason: `${what}: ${how.join(', ')}` };
    };
    if (first?.status !== 200) return failed('its first call of a model failed', first ?? {});
    const reason = /^plan42: (.+)\. [A-Z]/.exec(second?.message ?? '')?.[1];
    if (second?.status !== 403 || reason?.includes(`limits.${limit} is`) !== true)
      return failed(`its call of a model at limits.${limit} was not refused`, second ?? {});
    return { works: true, detail: reason };
  });
}

async function tryLimit(
  job: Pick<One, 'jobId' | 'image'>,
  { arm, findReached, disarm }: LimitTrial,
  check: ContainerCheck,
): Promise<TrialResult> {
  return asTrial(check, async () => {
    let reached: string | undefined;
    const prepare = async (paths: JobPaths, undo: AsyncDisposableStack) => {
      undo.defer(async () => {
        reached = await findReached(paths);
        await disarm(paths);
      });
      return arm(paths);
    };
    const { exit } = await runOne({ ...job, request: { wait: true }, given: {}, prepare }, check);
    const failure = startFailure(exit);
    if (failure !== undefined) return failure;
    if (reached !== undefined) return { works: true, detail: reached };
    return { works: false, reason: 'the container did not end at its limit' };
  });
}

function startFailure({ startError, startRemedy }: JobExit): TrialResult | undefined {
  return startError === undefined ? undefined : { works: false, reason: startError, remedy: startRemedy };
}

/** Settings with which no job can start are a result. */
async function asTrial({ signal }: ContainerCheck, work: () => Promise<TrialResult>): Promise<TrialResult> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    return { works: false, reason: error.message, remedy: error.remedy };
  }
}

async function waitOrKill(runtime: Runtime, job: JobPaths, signal: AbortSignal): Promise<JobExit> {
  try {
    return await runtime.wait(job, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    await runtime.kill(job, 0);
    return runtime.wait(job);
  }
}

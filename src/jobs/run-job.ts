/**
 * The life of one job, from top to bottom: feedback, slot, pull, start, exit, final status. The record on disk says how far it
 * is, so that the next run of the runner can continue from there.
 */
import { join } from 'node:path';
import type { Mount } from '../config/mounts.ts';
import type { Connection } from '../config/schema.ts';
import type { GithubRules } from '../gateway/github-guard/rules.ts';
import { type EgressPolicy, gatewayFolder, type ModelPolicy, readPolicy } from '../gateway/policy.ts';
import type { GithubConnections } from '../github/connections.ts';
import { loggable } from '../github/errors.ts';
import { systemClock } from '../lib/clock.ts';
import { formatError, isAbort } from '../lib/errors.ts';
import { parseJson } from '../lib/json.ts';
import { retryForever } from '../lib/retry.ts';
import type { Slots } from '../lib/slots.ts';
import type { EffectiveLimits } from '../limits/effective.ts';
import { hasLimits, type JobLimits } from '../limits/limits.ts';
import { stopWarden } from '../limits/warden-process.ts';
import type { InvokeAgentRequest } from '../plan42/messages.ts';
import { waitingForSlotStatus } from '../plan42/turn-status.ts';
import { isImageAllowed } from '../runtimes/image-policy.ts';
import { RuntimeError, type StartOptions } from '../runtimes/runtime.ts';
import { buildAgentInput } from './agent-input.ts';
import { agentVariables, type Secret } from './credentials/collect.ts';
import type { CredentialSource } from './credentials/credential-source.ts';
import { type JobBroker, prepareBroker } from './credentials/job-broker.ts';
import { computePolicy, type EgressDecision } from './egress/compute-policy.ts';
import { type GithubGuard, githubGuard } from './egress/github-guard.ts';
import { modelPolicy } from './egress/model-policy.ts';
import { type EndReason, killedReason, turnEndReason } from './end-reason.ts';
import { fetchFeedback } from './feedback.ts';
import { pullImage } from './images/pull-image.ts';
import { armWarden, limitJob } from './limit-job.ts';
import { mirroredRepos } from './mirrors/mirror-path.ts';
import type { Mirrors } from './mirrors/mirrors.ts';
import { agentSwitches, type ModelConfig, modelFields, modelHosts } from './model-providers.ts';
import type { NetworkReports } from './network-reports.ts';
import { describeFailure, describeStop } from './outcome.ts';
import { reportStatus, startHeartbeats } from './progress.ts';
import type { JobRecord } from './record.ts';
import type { UsageReports } from './usage-reports.ts';
import { type AgentContext, killAgent, waitForExit } from './watch-agent.ts';

export interface JobContext extends AgentContext {
  slots: Slots;
  github: GithubConnections;
  credentials: CredentialSource;
  /** Undefined if agents get no git mirrors. */
  mirrors: Mirrors | undefined;
  networks: NetworkReports;
  usages: UsageReports;
  /** The request, if it is readable. */
  invocation: InvokeAgentRequest | undefined;
  /** Called when the job has to wait for anything but a slot; disposed of when it no longer waits. */
  noteWaiting: () => Disposable;
  /** Called when the job begins to start; disposed of when it has started or failed to. */
  noteStarting: () => Disposable;
  /** Called when the agent runs. */
  noteRunning: () => void;
}

/**
 * Takes the job from the phase in its record to its end, and returns its last record. Rejects only with the reason of
 * `context.detach`; the next run of the runner continues from the record.
 */
export async function runJob(record: JobRecord, context: JobContext): Promise<JobRecord> {
  const { slots, detach } = context;
  let job = record;
  using slot = new DisposableStack();
  try {
    if (job.phase === 'accepted') job = await startJob(job, context, slot);
    else if (job.phase === 'started') {
      slot.use(slots.occupy());
      // The previous run may have crashed between the start and this.
      job = await recordStart(job, context);
    }
    if (job.phase === 'started') {
      context.noteRunning();
      context.networks.watch(job);
      context.usages.watch(job);
      await refreshCredentials(job.jobId, context);
      job = await waitForExit(job, context);
    }
  } catch (error) {
    if (detach.aborted && isAbort(error, detach)) throw error;
    job = await recordFailure(job, error, context);
  }
  slot.dispose();
  await finishJob(job, context);
  return job;
}

async function startJob(record: JobRecord, context: JobContext, slot: DisposableStack): Promise<JobRecord> {
  const { runtime, turn, logger, detach, cancel } = context;
  const stop = AbortSignal.any([detach, cancel, turn.ended]);
  await using _heartbeats = startHeartbeats(turn, stop);
  // Undefined at once for most jobs: they must ask for a slot before anything is awaited.
  const pending = fetchFeedback(context, stop);
  const feedback = pending === undefined ? undefined : await pending;
  slot.use(await takeSlot(record, context, stop));
  using _starting = context.noteStarting();
  // Before the pull, which would be for nothing.
  const { policy: egress, notes } = decideEgress(record, context);
  const limited = await limitJob(context, { image: record.image, egress });
  const mirroring = beginMirrors(context);
  const status = reportStatus(context, 'Pulling Agent Image on Local Runner', stop);
  logger.debug('pulling image', { image: record.image });
  await using _image = await pullImage(record, context, stop).catch((error: unknown) => {
    stop.throwIfAborted();
    throw new PullFailure(error);
  });
  await status;
  const mirrors = await mirroring;
  await mirrors?.wait(stop);
  stop.throwIfAborted();

  const job: JobRecord = {
    ...record,
    network: { mode: egress?.mode ?? 'none', notes },
    ...(context.usages.isSupported && { reportsUsage: true }),
    ...(mirrors && { mirrors: mirrors.name }),
    ...(hasLimits(limited.limits) && { limits: limited.limits }),
  };
  // Before the start: mirrors that a job uses are not removed.
  if (mirrors !== undefined) await tryToUpdate(job, context);
  await startAgent(job, { feedback, egress, mounts: mirrors ? [mirrors.mount] : [], limited }, context);
  const started = await recordStart(job, context);
  logger.info('job started', { runtime: runtime.name });
  // A kill request that came during the start found nothing to kill.
  if (cancel.aborted) await killAgent(record.jobId, context, detach);
  return started;
}

/**
 * Jobs ask for a slot before they await anything, so that slots are given out in the order of arrival. A job that waited for
 * feedback keeps its arrival rank among the jobs still queued.
 */
async function takeSlot({ arrival }: JobRecord, context: JobContext, stop: AbortSignal): Promise<Disposable> {
  const { slots, config, logger } = context;
  const free = slots.tryTake();
  if (free) return free;
  logger.info('waiting for slot', { max_jobs: config.jobs.maxJobs });
  const status = reportStatus(context, waitingForSlotStatus, stop);
  const [slot] = await Promise.all([slots.take(stop, arrival), status]);
  return slot;
}

/** Marks the failure of a pull, whose cause is the error to report. */
class PullFailure extends Error {
  override readonly name = 'PullFailure';

  constructor(cause: unknown) {
    super('cannot pull the image', { cause });
  }
}

/** A job never fails because of a mirror. The host's agents find no mounts. */
async function beginMirrors({ mirrors, runtime, invocation, github, logger }: JobContext) {
  const connection = github.find(invocation?.PrivateGithubConnectionID);
  if (mirrors === undefined || connection === undefined || runtime.name === 'host') return undefined;
  return mirrors.begin(mirroredRepos(invocation?.Environment), connection).catch((error: unknown) => {
    logger.warn('cannot use git mirrors', { error });
    return undefined;
  });
}

interface Given {
  feedback: unknown;
  egress: StartOptions['egress'];
  mounts: readonly Mount[];
  limited: EffectiveLimits;
}

async function startAgent(
  { jobId, image }: JobRecord,
  { feedback, egress, mounts, limited }: Given,
  context: JobContext,
): Promise<void> {
  const { config, store, runtime, turn, serverUrl, detach } = context;
  const request = await store.readRequest(jobId);
  if (request === undefined) throw new Error('the request of the job is missing');
  const connection = findConnection(context);
  const now = context.credentials.current();
  const input = buildAgentInput(request, { turn: turn.newest, connection, feedback, models: modelFields(now) });
  const given = { input, connection, limits: limited.limits };
  const { broker, ...guards } = await brokerFor({ jobId, image }, egress, given, context);
  const requestFile = await store.writeInput(jobId, broker?.hideInJson(input) ?? input);
  const maxLogBytes = limited.maxLogMib * 2 ** 20;
  const paths = store.paths(jobId);
  const { variables, ...forLimits } = await armWarden(paths, limited, context);
  try {
    const mayPullAgain = config.images.pullPolicy !== 'never';
    const policy = egress && broker ? { ...egress, broker: broker.policy, ...guards } : egress;
    const job = { ...paths, image, mayPullAgain, requestFile, maxLogBytes, serverUrl, egress: policy, broker };
    const all = [...mounts, ...forLimits.mounts];
    const given = { ...(variables && { variables }), ...(all.length > 0 && { mounts: all }) };
    await runtime.start({ ...job, ...given, agentSwitches: switchesFor(now, context) }, detach);
  } catch (error) {
    detach.throwIfAborted();
    // A start that the previous run began just before it was killed can succeed only now.
    if (!(await runtime.wasStarted(paths))) throw error;
  }
}

function switchesFor(config: ModelConfig, { runtime, logger }: JobContext): string[] {
  const switches = agentSwitches(config);
  // A command of the host gets no arguments, so that any program can be one.
  if (switches.length > 0 && runtime.name === 'host') logger.info('agent switches ignored', { runtime: runtime.name });
  return switches;
}

/**
 * Returns the broker of a job, and the limits of what it may do on GitHub and with models. Empty if the job gets its secrets
 * itself, or has none, and no limits of these.
 * @throws UserError if a secret that the configuration names cannot be kept out of the job
 */
async function brokerFor(
  { jobId, image }: Pick<JobRecord, 'jobId' | 'image'>,
  egress: EgressPolicy | undefined,
  { input, connection, limits }: { input: string; connection: Connection | undefined; limits: JobLimits },
  context: JobContext,
): Promise<{ broker?: JobBroker | undefined; github?: GithubRules; models?: ModelPolicy }> {
  const { config, store, credentials, env, logger } = context;
  if (egress === undefined || config.credentials.broker === 'off') return {};
  if (isImageAllowed(image, config.credentials.offImages)) {
    logger.info('job gets its secrets itself', { image, reason: 'credentials.off_images' });
    return {};
  }
  const request = parseJson(input) as Record<string, unknown>;
  const secrets = credentials.collect(connection, request);
  const before = await readPolicy(join(store.paths(jobId).folder, gatewayFolder)).catch(() => undefined);
  const guard = egress.mode === 'enforce' ? guardFor(secrets, connection, context) : undefined;
  const others = secrets.flatMap(({ targets }) => targets.filter(({ isPlain }) => !isPlain));
  const endpoints = modelHosts(credentials.current(), request).flatMap(({ urls }) => urls);
  const models = modelPolicy({
    config,
    limits,
    variables: agentVariables({ config, env, request }),
    endpoints,
    others,
  });
  const guardedHosts = [...(guard?.hosts ?? []), ...(models?.intercepted ?? [])];
  const broker = prepareBroker({ secrets, guardedHosts, config, previous: before?.broker, now: systemClock.date() });
  return { broker, ...(guard && { github: guard.rules }), ...(models && { models: models.policy }) };
}

/** Undefined if no secret of the job is for GitHub. */
function guardFor(
  secrets: readonly Secret[],
  connection: Connection | undefined,
  { github, invocation }: JobContext,
): GithubGuard | undefined {
  const url = connection?.url ?? requestedGithub(invocation) ?? new URL('https://github.com');
  const table = github.findTable(invocation?.PrivateGithubConnectionID) ?? github.findOnly(url);
  const guard = githubGuard({ url, table, invocation });
  const hosts = new Set(guard?.guarded);
  return secrets.some(({ targets }) => targets.some(({ host }) => hosts.has(host))) ? guard : undefined;
}

/** Optional: the gateway keeps the secrets that it has. */
async function refreshCredentials(jobId: string, { store, credentials, logger }: JobContext): Promise<void> {
  await credentials.refresh(store.paths(jobId).folder).catch((error: unknown) => {
    logger.warn('cannot give job its changed credentials', { error });
  });
}

/** @throws UserError if the hosts that the job may reach cannot be determined */
function decideEgress({ jobId }: JobRecord, context: JobContext): EgressDecision {
  const { config, credentials, serverUrl, env, github, invocation, logger } = context;
  const connection = github.find(invocation?.PrivateGithubConnectionID);
  const requested = connection === undefined ? requestedGithub(invocation) : undefined;
  const decision = computePolicy({
    jobId,
    config,
    allowedHosts: invocation?.Environment?.AllowedHosts,
    variables: invocation?.Environment?.EnvVars,
    models: modelHosts(credentials.current(), invocation ?? {}),
    serverUrl,
    github: connection
      ? { url: connection.url, isConfigured: true }
      : requested && { url: requested, isConfigured: false },
    env,
  });
  for (const note of decision.notes) logger.warn('allowed hosts of environment limited', { reason: note });
  return decision;
}

function requestedGithub(invocation: InvokeAgentRequest | undefined): URL | undefined {
  const url = invocation?.GithubURL;
  if (typeof url === 'string' && url !== '') return URL.parse(url) ?? undefined;
  return mirroredRepos(invocation?.Environment).length > 0 ? new URL('https://github.com') : undefined;
}

function findConnection({ github, invocation, logger }: JobContext): Connection | undefined {
  const id = invocation?.PrivateGithubConnectionID;
  const connection = github.find(id);
  if (id && !connection?.token) {
    const remedy = connection
      ? 'set the token of the [github.<name>] table with this connection_id'
      : 'add a [github.<name>] table with this connection_id and a token';
    logger.warn('agent has no access to GitHub', { connection_id: id, remedy });
  }
  return connection;
}

/** Optional after a crash: the runtime itself knows whether the job was started. */
async function recordStart(record: JobRecord, context: JobContext): Promise<JobRecord> {
  const started: JobRecord = {
    ...record,
    phase: 'started',
    startedAt: record.startedAt ?? systemClock.date().toISOString(),
  };
  await tryToUpdate(started, context);
  await context.store.removeInput(record.jobId);
  return started;
}

/** The record of a job that did not start. */
async function recordFailure(record: JobRecord, error: unknown, context: JobContext): Promise<JobRecord> {
  const { store, cancel } = context;
  const { failure, ...reason } = explainFailure(error, context);
  await store.removeInput(record.jobId);
  const endedAt = systemClock.date().toISOString();
  const ended = { ...record, phase: 'ended', endedAt, endCode: reason.code, endText: reason.text, failure } as const;
  return cancel.aborted ? { ...ended, killed: true } : ended;
}

function explainFailure(error: unknown, context: JobContext): EndReason & { failure: string } {
  const { logger, cancel, turn, hostName } = context;
  if (cancel.aborted) {
    logger.info('job killed before start');
    return { ...killedReason, failure: 'The agent was killed by user before it started.' };
  }
  if (turn.end) {
    const reason = turnEndReason(turn.end);
    logger.info('turn finished before start of job', { reason: reason.text });
    return { ...reason, failure: describeStop(turn.end) };
  }
  const isPull = error instanceof PullFailure;
  const cause = isPull ? error.cause : error;
  logger.error('job failed', { error: loggable(cause) });
  const code = isPull ? 'pull-failed' : cause instanceof RuntimeError ? 'start-failed' : 'not-started';
  return { code, text: formatError(cause), failure: describeFailure(cause, hostName) };
}

/** Reports the final status and cleans up; then nothing is left to do for the job. */
async function finishJob(record: JobRecord, context: JobContext): Promise<void> {
  const { store, turn, networks, usages, logger, detach } = context;
  const { jobId, failure = 'The agent has exited.' } = record;
  const endedAt = new Date(record.endedAt ?? systemClock.date().getTime());
  // Before the report, which can take days.
  await store.removeInput(jobId);
  const isRecorded = await tryToUpdate(record, context);
  // In parallel: the server can be unreachable, and so can the engine.
  const failTurn = async () => {
    await networks.flush(record, detach);
    await turn.fail(failure, endedAt, detach);
  };
  const removeJob = async () => {
    await cleanUp(record, isRecorded, context);
    // The gateway has exited and written its last counts.
    const [usage] = await Promise.all([usages.finish(record, detach), networks.finish(record, detach)]);
    return usage;
  };
  const [, usage] = await Promise.all([failTurn(), removeJob()]);
  const archive = () => store.finish({ ...record, ...(usage && { usage }) });
  await retryForever(archive, { failure: 'cannot archive job record, retrying', logger, signal: detach });
  logger.info('job finished');
}

async function cleanUp(record: JobRecord, isRecorded: boolean, context: JobContext): Promise<void> {
  const { store, runtime, logger, detach: signal } = context;
  const { jobId } = record;
  // Until the result is on disk, the runtime is the only one that knows it. A folder that was deleted needs no record.
  const update = async () => {
    if (!isRecorded && (await store.isActive(jobId))) await store.update(record);
  };
  await retryForever(update, { failure: 'cannot save job result, retrying', logger, signal });
  await stopWarden(store.paths(jobId)).catch((error: unknown) => logger.warn('cannot stop warden', { error }));
  const remove = () => runtime.remove(store.paths(jobId));
  await retryForever(remove, { failure: 'cannot remove job from runtime, retrying', logger, signal });
  await store.keepEgress(jobId).catch((error: unknown) => logger.warn('cannot save network report', { error }));
}

/** Writes the record if possible. If not, for example on a full disk, its content can still be recovered. */
async function tryToUpdate(record: JobRecord, { store, logger }: JobContext): Promise<boolean> {
  try {
    await store.update(record);
    return true;
  } catch (error) {
    logger.warn('cannot write job record, continuing', { error });
    return false;
  }
}

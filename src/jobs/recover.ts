/** Recovers a job of the previous run of the runner from its files, damaged ones included. */

import { hostname } from 'node:os';
import * as v from 'valibot';
import type { RuntimeName } from '../config/schema.ts';
import { systemClock } from '../lib/clock.ts';
import { parseJson } from '../lib/json.ts';
import type { Logger } from '../lib/logger.ts';
import { InvokeAgentRequest } from '../plan42/messages.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import { parseJobId } from './job-id.ts';
import type { JobRecord } from './record.ts';
import { type JobFile, type JobStore, jobFiles } from './store.ts';

/** A job from its acceptance or its recovery on. */
export interface Job {
  record: JobRecord;
  runtime: Runtime;
  invocation: InvokeAgentRequest | undefined;
  /** Empty if it is lost: then the turn cannot be updated. */
  agentToken: string;
  /** A user requested a kill before this run. */
  isKilled: boolean;
}

export interface RecoverDeps {
  store: JobStore;
  runtime: Runtime;
  otherRuntime: (name: RuntimeName) => Runtime;
  /** The runner's own, for jobs whose tenant is lost. */
  tenantId: string;
  logger: Logger;
}

interface Damage {
  file: JobFile;
  error: unknown;
}

/**
 * A damaged job that is running is watched until it exits; one that was not started fails its turn. Damaged files are renamed
 * within the job's folder, which is kept for inspection when the job finishes.
 */
export async function recoverJob(jobId: string, options: RecoverDeps): Promise<Job> {
  const { store, runtime, otherRuntime, logger } = options;
  const damages: Damage[] = [];
  const read = async <T>(file: JobFile, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      damages.push({ file, error });
      return undefined;
    }
  };
  await store.claim(jobId);
  const known = await read(jobFiles.record, () => readRecord(jobId, store));
  const invocation = await read(jobFiles.request, async () => parseRequest((await store.readRequest(jobId)) ?? '{}'));
  const agentToken = await read(jobFiles.token, () => readToken(jobId, store));
  for (const { file } of damages) await store.putAside(jobId, file);
  const record = known ?? (await rebuildRecord(jobId, invocation, options));
  const started = record.runtime === runtime.name ? runtime : otherRuntime(record.runtime);
  // The runtime takes precedence: the previous run may have stopped before it could update the record.
  if (record.phase === 'accepted' && (await started.wasStarted(store.paths(jobId)))) record.phase = 'started';
  const job = {
    invocation,
    agentToken: agentToken ?? invocation?.AgentToken ?? '',
    isKilled: await store.isKilled(jobId),
  };
  if (damages.length > 0) {
    const { phase } = record;
    logDamage(logger, jobId, { damages, phase, agentToken: job.agentToken });
    return { ...job, record: phase === 'accepted' ? endDamaged(record, damages) : record, runtime: started };
  }
  const isWaiting = record.phase === 'accepted';
  return {
    ...job,
    record: isWaiting ? { ...record, runtime: runtime.name } : record,
    runtime: isWaiting ? runtime : started,
  };
}

async function readRecord(jobId: string, store: JobStore): Promise<JobRecord> {
  const record = await store.readActive(jobId);
  if (record.jobId !== jobId) throw new Error('the record belongs to another job');
  return record;
}

async function readToken(jobId: string, store: JobStore): Promise<string> {
  const token = await store.readAgentToken(jobId);
  if (token.trim() === '') throw new Error('the agent token is empty');
  return token;
}

/** Rebuilds the record from the folder's name, its state files and the request if that still exists. */
async function rebuildRecord(
  jobId: string,
  invocation: InvokeAgentRequest | undefined,
  { store, runtime, tenantId }: RecoverDeps,
): Promise<JobRecord> {
  const image = invocation?.Environment?.DockerImage;
  const isContainer = await runtime.createdContainer(store.paths(jobId));
  return {
    recordVersion: 1,
    jobId,
    instanceId: '',
    tenantId: invocation?.Turn?.TenantId ?? invocation?.Task?.TenantId ?? tenantId,
    ...parseJobId(jobId),
    title: invocation?.Task?.Title ?? '',
    image: typeof image === 'string' ? image : '',
    // Only the record names the engine of a container. Without a container, there is at most a process.
    runtime: isContainer ? runtime.name : 'host',
    phase: 'accepted',
    acceptedAt: systemClock.date().toISOString(),
  };
}

function endDamaged(record: JobRecord, damages: readonly Damage[]): JobRecord {
  const endText = `the runner’s files of the job are damaged (${fileNames(damages)})`;
  const failure = `The agent was not started, or its exit code is unknown: on ${hostname()} the runner’s files of the job are damaged (${fileNames(damages)}).`;
  return { ...record, phase: 'ended', endedAt: systemClock.date().toISOString(), endCode: 'unknown', endText, failure };
}

function logDamage(
  logger: Logger,
  jobId: string,
  { damages, phase, agentToken }: { damages: readonly Damage[]; phase: JobRecord['phase']; agentToken: string },
): void {
  const outcomes = {
    accepted: 'the turn fails',
    started: 'the agent keeps running',
    ended: 'the final status is reported',
  };
  const outcome = agentToken === '' ? 'the turn cannot be updated: the agent token is lost' : outcomes[phase];
  logger.error('cannot read files of job from previous run', {
    job_id: jobId,
    outcome,
    files: fileNames(damages),
    error: damages[0]?.error,
  });
}

function fileNames(damages: readonly Damage[]): string {
  return damages.map(({ file }) => file).join(', ');
}

/** Undefined if the request has the wrong shape. @throws Error if it is not JSON, without its content, which is secret */
export function parseRequest(request: string): InvokeAgentRequest | undefined {
  let body: unknown;
  try {
    body = parseJson(request);
  } catch {
    throw new Error('the request is not JSON');
  }
  const parsed = v.safeParse(InvokeAgentRequest, body);
  return parsed.success ? parsed.output : undefined;
}

/** Reads what an earlier run of the runner has left of a job, and makes the best of it where that is damaged. */
import { hostname } from 'node:os';
import * as v from 'valibot';
import type { RuntimeName } from '../config/schema.ts';
import type { Logger } from '../lib/logger.ts';
import { InvokeAgentRequest } from '../plan42/messages.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import { parseJobId } from './job-id.ts';
import type { JobRecord } from './record.ts';
import { type JobFile, type JobStore, jobFiles } from './store.ts';

/** A job as it is taken up. */
export interface Job {
  record: JobRecord;
  runtime: Runtime;
  invocation: InvokeAgentRequest | undefined;
  /** Empty when it is lost: then the server can't be told anything. */
  agentToken: string;
  /** By a person's wish, before this run. */
  isKilled: boolean;
}

export interface RecoverDeps {
  store: JobStore;
  runtime: Runtime;
  otherRuntime: (name: RuntimeName) => Runtime;
  /** The runner's own, for jobs that do not tell theirs any more. */
  tenantId: string;
  logger: Logger;
}

interface Damage {
  file: JobFile;
  error: unknown;
}

/**
 * One that runs is watched to its end, whatever else is damaged; one that has not begun will not, and its turn fails. What can't
 * be read is put aside within the job's folder, which is kept for that when the job is over.
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
  const record = known ?? (await remakeRecord(jobId, invocation, options));
  const started = record.runtime === runtime.name ? runtime : otherRuntime(record.runtime);
  // Whatever the record says: the last run may have ended before it could write it.
  if (record.phase === 'accepted' && (await started.wasStarted(store.place(jobId)))) record.phase = 'started';
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
  if (record.jobId !== jobId) throw new Error('it is the record of another job');
  return record;
}

async function readToken(jobId: string, store: JobStore): Promise<string> {
  const token = await store.readAgentToken(jobId);
  if (token.trim() === '') throw new Error('the agent token is empty');
  return token;
}

/** From the folder's name, its marks and the request, if that is still there. */
async function remakeRecord(
  jobId: string,
  invocation: InvokeAgentRequest | undefined,
  { store, runtime, tenantId }: RecoverDeps,
): Promise<JobRecord> {
  const image = invocation?.Environment?.DockerImage;
  const isContainer = await runtime.createdContainer(store.place(jobId));
  return {
    recordVersion: 1,
    jobId,
    instanceId: '',
    tenantId: invocation?.Turn?.TenantId ?? invocation?.Task?.TenantId ?? tenantId,
    ...parseJobId(jobId),
    title: invocation?.Task?.Title ?? '',
    image: typeof image === 'string' ? image : '',
    // Which engine has made the container is nowhere else. Without one there is at most a process.
    runtime: isContainer ? runtime.name : 'host',
    phase: 'accepted',
    acceptedAt: new Date().toISOString(),
  };
}

function endDamaged(record: JobRecord, damages: readonly Damage[]): JobRecord {
  const failure = `The agent was not started, or it is not known how it ended: on ${hostname()} the runner’s files of the job are damaged (${fileNames(damages)}).`;
  return { ...record, phase: 'ended', endedAt: new Date().toISOString(), failure };
}

function logDamage(
  logger: Logger,
  jobId: string,
  { damages, phase, agentToken }: { damages: readonly Damage[]; phase: JobRecord['phase']; agentToken: string },
): void {
  const outcomes = {
    accepted: 'its turn fails',
    started: 'its agent goes on',
    ended: 'its end is reported',
  };
  const outcome = agentToken === '' ? 'the server cannot be told, since the agent token is lost' : outcomes[phase];
  logger.error(`files of a job of an earlier run cannot be read: ${outcome}`, {
    job_id: jobId,
    files: fileNames(damages),
    error: damages[0]?.error,
  });
}

function fileNames(damages: readonly Damage[]): string {
  return damages.map(({ file }) => file).join(', ');
}

/** Undefined where the request has the wrong shape. @throws Error for what is not JSON, without a word of it: it is secret */
export function parseRequest(request: string): InvokeAgentRequest | undefined {
  let body: unknown;
  try {
    body = JSON.parse(request);
  } catch {
    throw new Error('the request is not JSON');
  }
  const parsed = v.safeParse(InvokeAgentRequest, body);
  return parsed.success ? parsed.output : undefined;
}

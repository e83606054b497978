import * as v from 'valibot';
import type { Config } from '../config/schema.ts';
import { formatJobId } from '../jobs/job-id.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { JobRecord } from '../jobs/record.ts';
import { JobExistsError } from '../jobs/store.ts';
import { formatError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { isUuid } from '../lib/uuid.ts';
import { InvokeAgentRequest, type InvokeAgentResponse } from '../plan42/messages.ts';
import { isImageAllowed } from '../runtimes/image-policy.ts';
import { InvalidImageError, parseImageReference } from '../runtimes/image-reference.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { Handler } from './handler.ts';

export interface InvokeAgentOptions {
  config: Config;
  jobs: Jobs;
  runtime: Runtime;
  instanceId: string;
  /** For requests that do not say whose they are. */
  tenantId: string;
  /** Why no job can be taken for want of disk space; undefined when there is enough. */
  tellLowDisk: () => Promise<string | undefined>;
  logger: Logger;
}

/** The request can't be accepted; the message goes to the caller. */
class RefusedRequest extends Error {}

/** Checks the request, takes the job on durably and answers; everything else happens in the background. */
export function createInvokeAgentHandler(options: InvokeAgentOptions): Handler {
  return async ({ text, body }) => {
    using arrival = options.jobs.arrive();
    const parsed = v.safeParse(InvokeAgentRequest, body);
    if (!parsed.success)
      return response(`invalid request: ${v.getDotPath(parsed.issues[0]) ?? 'it'} has the wrong type`);
    try {
      const record = checkRequest(parsed.output, options);
      const lowDisk = await options.tellLowDisk();
      // A caller who asks again for a job that runs must not be told that it was refused.
      if (lowDisk !== undefined && !options.jobs.has(record.jobId)) throw new RefusedRequest(lowDisk);
      await options.jobs.accept(record, { request: text, agentToken: parsed.output.AgentToken ?? '' }, arrival);
      options.logger.info('a job was accepted', { job_id: record.jobId });
      return response(null);
    } catch (error) {
      return response(refusal(error, options.logger));
    }
  };
}

function response(ErrorMessage: string | null): InvokeAgentResponse {
  return { Type: 'InvokeAgentResponse', ErrorMessage };
}

function refusal(error: unknown, logger: Logger): string {
  if (error instanceof JobExistsError) return `the job ${error.message} is already queued or running`;
  if (error instanceof RefusedRequest || error instanceof InvalidImageError) {
    const message = error.message.slice(0, maxMessageLength);
    logger.warn('an invocation was refused', { error: message });
    return message;
  }
  logger.error('a job could not be recorded', { error });
  return `the runner could not record the job: ${formatError(error)}`;
}

function checkRequest(request: InvokeAgentRequest, options: InvokeAgentOptions): JobRecord {
  const { Turn: turn, Task: task } = request;
  const taskId = turn?.TaskId;
  if (!isUuid(taskId)) throw new RefusedRequest(`invalid task ID: ${show(taskId)}`);
  const turnIndex = turn?.TurnIndex;
  if (typeof turnIndex !== 'number' || !Number.isSafeInteger(turnIndex) || turnIndex < 1 || turnIndex > 999_999_999) {
    throw new RefusedRequest(`invalid turn index: ${show(turnIndex)}`);
  }
  const image = checkImage(request.Environment?.DockerImage, options.config.images.allowed);
  if (!request.AgentToken) throw new RefusedRequest('missing agent token');
  return {
    recordVersion: 1,
    jobId: formatJobId(taskId, turnIndex),
    instanceId: options.instanceId,
    tenantId: turn?.TenantId ?? task?.TenantId ?? options.tenantId,
    taskId,
    turnIndex,
    title: task?.Title ?? '',
    image,
    runtime: options.runtime.name,
    phase: 'accepted',
    acceptedAt: new Date().toISOString(),
  };
}

function checkImage(image: unknown, allowed: readonly string[]): string {
  if (typeof image !== 'string') throw new RefusedRequest(`invalid Docker image: ${show(image)}`);
  try {
    parseImageReference(image);
  } catch (error) {
    if (error instanceof InvalidImageError) throw new RefusedRequest(`invalid Docker image: ${error.message}`);
    throw error;
  }
  if (!isImageAllowed(image, allowed)) {
    throw new RefusedRequest(`the image '${image}' is not allowed on this runner (images.allowed)`);
  }
  return image;
}

const maxShownLength = 200;
// More than a valid image reference can be long.
const maxMessageLength = 900;

function show(value: unknown): string {
  if (value === undefined || value === null) return '(missing)';
  return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, maxShownLength);
}
